import { Reader } from '../../src/protocol/wire/reader.js';
import { Writer } from '../../src/protocol/wire/writer.js';
import { SeededRandom } from '../support/random.js';
import { allMessages } from './messages.js';
import type { TestedMessage } from './messages.js';
import type { Oracle, Question } from './oracle.js';
import { difference, edges, makeMessage, toJson } from './values.js';
import type { Style, StructValue } from './values.js';

export interface ProofOptions {
  readonly seed: number;
  /** Random values of each message in each version, beside the edges. */
  readonly randomValues: number;
}

export interface Proof {
  /** Message versions of which every value was equal. */
  readonly equal: number;
  readonly total: number;
  readonly values: number;
  /** The first fault of each message version that has one. */
  readonly faults: readonly string[];
}

/** Apache 4.3.1, and the release before 4.0 for the versions that 4.0 dropped. */
export interface Oracles {
  readonly current: Oracle;
  readonly old: Oracle;
}

interface Case {
  readonly style: Style;
  readonly value: StructValue;
  readonly bytes: Buffer;
}

/** Holds every message in every version against Apache's classes: equal bytes both ways. */
export async function prove(oracles: Oracles, options: ProofOptions): Promise<Proof> {
  const proof = { equal: 0, total: 0, values: 0, faults: [] as string[] };
  for (const tested of allMessages()) {
    const { name, versions } = tested.message;
    for (let version = versions.min; version <= versions.max; version++) {
      proof.total++;
      const cases = makeCases(tested, version, options);
      proof.values += cases.length;
      const fault = decodeFault(tested, version, cases) ?? (await apacheFault(oracles, tested, version, cases));
      if (fault === undefined) proof.equal++;
      else proof.faults.push(`${name} v${version}, ${fault}`);
    }
  }
  return proof;
}

function makeCases({ message, codec }: TestedMessage, version: number, { seed, randomValues }: ProofOptions): Case[] {
  const random = new SeededRandom(seed ^ hash(`${message.name} ${version}`));
  const writer = new Writer();
  const styles = [...edges, ...Array.from({ length: randomValues }, (): Style => 'random')];
  return styles.map(style => {
    const value = makeMessage(message, version, style, random);
    codec.encode(writer, value, version);
    return { style, value, bytes: writer.toBuffer() };
  });
}

/** Our decoder gives back what was encoded, and our encoder the same bytes for it. */
function decodeFault({ codec }: TestedMessage, version: number, cases: readonly Case[]): string | undefined {
  const writer = new Writer();
  for (const { style, value, bytes } of cases) {
    const reader = new Reader(bytes);
    const decoded = codec.decode(reader, version);
    if (reader.remaining > 0) return `${style}: ${reader.remaining} bytes left over`;
    const differs = difference(value, decoded);
    if (differs !== undefined) return `${style}: ${differs}`;
    codec.encode(writer, decoded, version);
    if (!writer.toBuffer().equals(bytes)) return `${style}: encoded again, the bytes differ`;
  }
  return undefined;
}

/** Apache makes the same bytes of the same values, and reads ours as what was meant. */
async function apacheFault(oracles: Oracles, { message }: TestedMessage, version: number, cases: readonly Case[]): Promise<string | undefined> {
  const { name } = message;
  const oracle = [oracles.current, oracles.old].find(({ messages }) => {
    const known = messages.get(name);
    return known !== undefined && version >= known.minVersion && version <= known.maxVersion;
  });
  if (oracle === undefined) return 'Apache has no such version';
  const questions = cases.map(({ style, value, bytes }): Question =>
    ({ name, version, bytes, json: style === 'unknown tags' ? '' : toJson(message, value, version) }));
  const answers = await oracle.ask(questions);
  const wrong = answers.findIndex(answer => answer !== 'ok');
  return wrong < 0 ? undefined : `${cases[wrong]?.style}: ${answers[wrong]?.slice(0, 2000)}; ours ${cases[wrong]?.bytes.toString('hex').slice(0, 2000)}`;
}

function hash(text: string): number {
  let value = 0;
  for (let i = 0; i < text.length; i++) value = (Math.imul(value, 31) + text.charCodeAt(i)) | 0;
  return value;
}
