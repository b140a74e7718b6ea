import { resolve } from 'node:path';
import type { Disk } from '../env/index.js';
import type { Finding, PartitionReport, Severity } from '../log/inspect/findings.js';
import { atStart } from '../log/inspect/remedies.js';
import { verifyDirectories, type DirectoryReport, type VerifyReport } from '../log/inspect/verify-directories.js';
import { DumpWriter, plural, type Color, type DumpOutput } from './dump/output.js';
import { UsageError, type ParsedFlags } from './flags.js';
import { heldAgainstCluster } from './held-against-cluster.js';

export interface VerifyParts {
  readonly disk: Disk;
  readonly output: DumpOutput;
  /** Paths are relative to it. */
  readonly directory: string;
  /** Whether a broker has the lock on a file. */
  readonly isLocked: (path: string) => Promise<boolean>;
}

const COLORS: Readonly<Record<Severity, Color>> = { error: 'red', warning: 'yellow', note: 'dim' };

/**
 * `ottla log verify DIR…`: names everything in a log directory that does not fit, and what a broker does about it when it starts.
 * Exit code 1 when there are errors or warnings; notes are for reading.
 */
export async function logVerify(flags: ParsedFlags, { disk, output, directory, isLocked }: VerifyParts): Promise<number> {
  const [action, ...operands] = flags.operands;
  if (action === undefined) throw new UsageError('say what to do: `ottla log verify DIR`');
  if (action !== 'verify') throw new UsageError(`'${action}' is not understood here: there is \`ottla log verify DIR\``);
  if (operands.length === 0) throw new UsageError('name a directory, such as `ottla log verify ottla-data`');
  const out = new DumpWriter(output, flags.has('json'));
  const showsAll = flags.has('all');
  const report = await verifyDirectories(operands.map(operand => resolve(directory, operand)), {
    disk, isLocked,
    onPartition: async partition => {
      const { findings } = partition;
      out.json({ kind: 'partition', ...partition, findings: undefined });
      if (findings.length > 0 || showsAll) showPartition(out, partition);
      for (const finding of findings) showFinding(out, finding);
      // Large directories take their time: what is known is shown.
      if (findings.length > 0 || out.isFull) await out.flush();
    },
  });
  for (const each of report.directories) showDirectory(out, each);
  const findings = [...report.findings, ...await heldAgainstCluster(disk, report)];
  for (const finding of findings) showFinding(out, finding, '');
  const code = conclude(out, { ...report, findings });
  await out.flush();
  return code;
}

function showPartition(out: DumpWriter, { path, findings, segments, batches, startOffset, endOffset }: PartitionReport): void {
  const verdict = findings.length === 0 ? `  ${out.paint('green', 'ok')}` : '';
  out.line(`${out.paint('bold', path)}  ${plural(segments, 'segment')}, ${plural(batches, 'batch', 'batches')}, offsets ${startOffset} to ${endOffset}${verdict}`);
}

function showDirectory(out: DumpWriter, { path, owner, isClean, isInUse, partitions, findings }: DirectoryReport): void {
  const whose = owner === undefined ? 'of no node' : `node ${owner.nodeId} of cluster ${owner.clusterId}`;
  const state = isInUse ? 'in use' : isClean ? 'stopped in order' : 'not stopped in order';
  out.line(`${out.paint('bold', path)}  ${whose}, ${state}, ${plural(partitions.length, 'partition')}`);
  out.json({ kind: 'directory', path, ...owner, isClean, isInUse, partitions: partitions.length });
  if (isInUse) out.line(`  ${out.paint('yellow', 'a broker is running here: what it writes meanwhile may look unfinished')}`);
  for (const finding of findings) showFinding(out, finding);
}

function showFinding(out: DumpWriter, finding: Finding, indent = '  '): void {
  const { severity, path, message, remedy } = finding;
  out.line(`${indent}${out.paint(COLORS[severity], severity.padEnd(7))}  ${path}: ${message}`);
  out.line(`${indent}${' '.repeat(9)}${out.paint('dim', `at start: ${atStart(remedy)}`)}`);
  out.json({ kind: 'finding', severity, path, message, remedy, atStart: atStart(remedy) });
}

function conclude(out: DumpWriter, { directories, partitions, findings }: VerifyReport): number {
  const all = [...findings, ...directories.flatMap(directory => directory.findings), ...partitions.flatMap(partition => partition.findings)];
  const count = (severity: Severity): number => all.filter(finding => finding.severity === severity).length;
  const [errors, warnings, notes] = [count('error'), count('warning'), count('note')];
  const segments = sum(partitions.map(each => each.segments));
  const batches = sum(partitions.map(each => each.batches));
  const looked = `${plural(partitions.length, 'partition')}, ${plural(segments, 'segment')}, ${plural(batches, 'batch', 'batches')}`;
  const noted = notes === 0 ? '' : `, ${plural(notes, 'note')}`;
  out.line(errors + warnings === 0
    ? out.paint('green', `all is well: ${looked}${noted}`)
    : out.paint(errors > 0 ? 'red' : 'yellow', `${plural(errors, 'error')}, ${plural(warnings, 'warning')}${noted} in ${looked}`));
  out.json({ kind: 'end', errors, warnings, notes, partitions: partitions.length });
  return errors + warnings === 0 ? 0 : 1;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
