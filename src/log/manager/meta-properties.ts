import { isUuid, randomUuid } from '../../base/uuid.js';
import type { Disk, Random } from '../../env/index.js';
import type { Uuid } from '../../protocol/wire/types.js';
import { META_PROPERTIES_FILE } from '../paths.js';

/** Whose a log directory is (`meta.properties`, version 1). */
export interface MetaProperties {
  readonly clusterId: string;
  readonly nodeId: number;
  /** Random, of this one directory (KIP-858); absent in what older versions wrote. */
  readonly directoryId: Uuid | undefined;
}

const VERSION = '1';
/** Ids that stand for no real directory: unassigned, lost and migrating (`DirectoryId`). */
const RESERVED_IDS = 100;

/** undefined when the directory is not formatted; throws, naming the file, when it cannot be read. */
export function readMetaProperties(disk: Disk, directory: string): MetaProperties | undefined {
  const path = `${directory}/${META_PROPERTIES_FILE}`;
  if (!disk.stat(path)) return undefined;
  const properties = parseProperties(disk.readFile(path).toString('utf8'));
  const get = (key: string): string => {
    const value = properties.get(key);
    if (value === undefined) throw new Error(`${path}: '${key}' is missing`);
    return value;
  };
  if (get('version') !== VERSION) throw new Error(`${path}: version ${get('version')} is not known, only ${VERSION} is`);
  const nodeId = Number(get('node.id'));
  if (!Number.isInteger(nodeId) || nodeId < 0) throw new Error(`${path}: node.id '${get('node.id')}' is not a number`);
  const directoryId = properties.get('directory.id');
  if (directoryId !== undefined && !isUuid(directoryId)) throw new Error(`${path}: directory.id '${directoryId}' is not a uuid`);
  return { clusterId: get('cluster.id'), nodeId, directoryId };
}

export function writeMetaProperties(disk: Disk, directory: string, properties: MetaProperties): void {
  const { clusterId, nodeId, directoryId } = properties;
  const lines = [`cluster.id=${clusterId}`, ...(directoryId === undefined ? [] : [`directory.id=${directoryId}`]), `node.id=${nodeId}`, `version=${VERSION}`];
  disk.writeFileAtomically(`${directory}/${META_PROPERTIES_FILE}`, `#\n${lines.join('\n')}\n`);
}

/**
 * The ids of a directory, which it gets now if it has none. Throws when it belongs to another node or cluster.
 */
export function claimDirectory(disk: Disk, random: Random, directory: string, owner: { clusterId: string; nodeId: number }): Uuid {
  const found = readMetaProperties(disk, directory);
  const path = `${directory}/${META_PROPERTIES_FILE}`;
  if (found && found.clusterId !== owner.clusterId) throw new Error(`${path}: the directory is of cluster ${found.clusterId}, not ${owner.clusterId}`);
  if (found && found.nodeId !== owner.nodeId) throw new Error(`${path}: the directory is of node ${found.nodeId}, not ${owner.nodeId}`);
  if (found?.directoryId !== undefined) return found.directoryId;
  const directoryId = randomDirectoryId(random);
  writeMetaProperties(disk, directory, { ...owner, directoryId });
  return directoryId;
}

export function randomDirectoryId(random: Random): Uuid {
  for (;;) {
    const id = randomUuid(random);
    const bytes = Buffer.from(id, 'base64url');
    if (bytes.readBigUInt64BE(0) !== 0n || bytes.readBigUInt64BE(8) >= RESERVED_IDS) return id;
  }
}

/** Java's properties, without line continuations, which nobody writes here. */
function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([^#!\s=:][^\s=:]*)\s*[=:\s]\s*(.*?)\s*$/.exec(line);
    if (match) properties.set(match[1]!, match[2]!.replace(/\\(.)/g, '$1'));
  }
  return properties;
}
