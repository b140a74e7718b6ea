import { randomUuid } from '../base/uuid.js';
import { controllerEndpoints, planListeners } from '../config/index.js';
import { FormatError, formatDirectories } from '../controller/format.js';
import type { Clock, Disk, Random } from '../env/index.js';
import { readMetaProperties } from '../log/index.js';
import { explainFault } from './faults.js';
import { parsePair, UsageError, type ParsedFlags } from './flags.js';
import { gatherSettings } from './gather.js';
import type { Terminal } from './terminal.js';

export interface FormatParts {
  readonly terminal: Terminal;
  readonly env: { readonly disk: Disk; readonly random: Random; readonly clock: Clock };
  /** What is told to peers of a listener on all interfaces. */
  readonly hostName: string;
}

/** `ottla format`: makes data directories ready (`kafka-storage format`); the exit code. */
export function format(flags: ParsedFlags, { terminal, env, hostName }: FormatParts): number {
  try {
    const { settings, warnings } = gatherSettings(flags, terminal);
    for (const warning of warnings) terminal.error(`ottla: ${warning}`);
    const staticVoters = settings.get('controller.quorum.voters').length > 0;
    if (staticVoters && flags.has('standalone')) {
      throw new UsageError('--standalone and controller.quorum.voters exclude each other: take the voters out, or leave the flag out');
    }
    const present = [settings.metadataDirectory, ...settings.dataDirectories].flatMap(directory => readMetaProperties(env.disk, directory) ?? []);
    const clusterId = flags.get('cluster-id') ?? present[0]?.clusterId ?? randomUuid(env.random);
    const formatted = formatDirectories({
      env, clusterId,
      directories: settings.dataDirectories,
      metadataDirectory: settings.metadataDirectory,
      nodeId: settings.get('node.id'),
      releaseVersion: flags.get('release-version'),
      features: new Map(flags.all('feature').map(parseFeature)),
      ...(!staticVoters && { standalone: { endpoints: controllerEndpoints(settings, planListeners(settings, hostName)) } }),
      ignoreFormatted: flags.has('ignore-formatted'),
    });
    for (const [directory, id] of formatted.directories) {
      terminal.out(`formatted ${directory} with metadata.version ${formatted.metadataVersion} (cluster ${clusterId}, directory ${id})`);
    }
    if (formatted.directories.size === 0) terminal.out('all directories are formatted already');
    return 0;
  } catch (error) {
    const fault = error instanceof FormatError ? { lines: [error.message], exitCode: 1 } : explainFault(error);
    for (const line of fault.lines) terminal.error(`ottla: ${line}`);
    return fault.exitCode;
  }
}

function parseFeature(text: string): [string, number] {
  const { name, text: level } = parsePair('--feature', text);
  if (!/^\d{1,5}$/.test(level.trim())) throw new UsageError(`--feature ${text}: the level has to be a number`);
  return [name, Number(level)];
}
