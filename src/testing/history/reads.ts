/** Reads of what must not be read: never written, aborted, not yet committed, or finished by a fenced producer. */
import { isReadCommitted, pollsCount, type Evidence, type Version, type Work } from './evidence.js';
import type { Findings } from './findings.js';
import { fencingOf, type Fencing } from './zombies.js';

/** `writersComplete`: every value that can be read is sent by an operation of the history. */
export function checkReads(evidence: Evidence, findings: Findings, writersComplete: boolean): void {
  const context = { findings, writersComplete, fencing: fencingOf(evidence), clockErrorMs: evidence.clockErrorMs };
  for (const work of evidence.works) if (work !== undefined && pollsCount(work.operation)) checkReader(work, context);
}

interface Context {
  readonly findings: Findings;
  readonly writersComplete: boolean;
  readonly fencing: Fencing;
  readonly clockErrorMs: number;
}

function checkReader(reader: Work, context: Context): void {
  for (const { key, records, versions } of reader.polled) {
    for (let i = 0; i < versions.length; i++) {
      const [version, offset] = [versions[i]!, records[i]![0]];
      if (version.writer !== undefined) checkRead(reader, { version, writer: version.writer, offset }, context);
      else if (context.writersComplete) {
        context.findings.add('phantom', () => ({
          key, operations: [reader.operation], values: [version.value],
          detail: `process ${reader.operation.process} read ${version.value} at ${key}@${offset}, which nobody sent`,
        }));
      }
    }
  }
}

interface Read {
  readonly version: Version;
  readonly writer: Work;
  readonly offset: number;
}

function checkRead({ operation: reader }: Work, { version: { key, value }, writer, offset }: Read, { findings, fencing, clockErrorMs }: Context): void {
  const written = writer.operation;
  const committedOnly = isReadCommitted(reader);
  // Outside of a transaction there is no abort: what failed was not written, for any reader.
  if (written.kind === 'txn' && !committedOnly) return;
  const what = (): string => `process ${reader.process} read ${value} at ${key}@${offset}`;
  const operations = [written, reader];
  if (written === reader) return findings.add('precommitted-read', () => ({ key, operations, values: [value], detail: `${what()}, its own, before it was committed` }));
  if (written.outcome === 'fail') {
    return findings.add('G1a', () => ({ key, operations, values: [value], detail: `${what()}${committedOnly ? ' at read_committed' : ''}, though its ` +
      `writer, process ${written.process}, ${written.kind === 'txn' ? `aborted the transaction of ${written.transactionalId}` : 'failed'}` }));
  }
  if (written.kind !== 'txn') return;
  const fencedBy = fencing(writer);
  if (fencedBy !== undefined) {
    return findings.add('zombie-write', () => ({
      key, operations: [fencedBy, ...operations], values: [value],
      detail: `${what()} at read_committed, of a transaction that process ${written.process} asked to commit after process ${fencedBy.process} had taken ${written.transactionalId}`,
    }));
  }
  if (reader.endMs === undefined || written.commitMs === undefined || reader.endMs + clockErrorMs >= written.commitMs) return;
  findings.add('uncommitted-read', () =>
    ({ key, operations, values: [value], detail: `${what()} at read_committed by ${reader.endMs}, before process ${written.process} asked to commit it at ${written.commitMs}` }));
}
