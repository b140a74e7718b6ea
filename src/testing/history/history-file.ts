/** Histories as lines of JSON (`history.ts` describes them): written, read from files of many clients, and refused with the place of what is wrong. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { History, Key, MicroOperation, Operation } from './history.js';

/** One operation a line, for files. */
export function formatHistory(history: History): string {
  return history.map(operation => `${JSON.stringify(operation)}\n`).join('');
}

/** Throws, naming the line, when one is not an operation. `name` stands for the file in messages. */
export function parseHistory(text: string, name = 'history'): Operation[] {
  const reader = new HistoryReader();
  reader.file(name, text.split('\n'));
  return reader.operations();
}

/** One history from the files of many clients. A process that has the number of another file's gets one of its own. */
export function readHistoryFiles(paths: readonly string[]): Operation[] {
  const reader = new HistoryReader();
  for (const path of paths) reader.file(path, linesOf(path));
  return reader.operations();
}

/** A line that is no operation; the message begins with `file:line`. */
export class HistoryFileError extends Error {
  override readonly name = 'HistoryFileError';
}

class HistoryReader {
  private readonly read: (Operation | undefined)[] = [];
  private readonly processes = new Map<string, number>();
  private readonly taken = new Set<number>();
  /** Where an operation stands that a later line may replace. */
  private readonly places = new Map<string, number>();

  /** `lines` as split at newlines: what follows the last newline is a line that nobody finished. */
  file(name: string, lines: Iterable<string>): void {
    let number = 0;
    let pending: string | undefined;
    for (const line of lines) {
      if (pending !== undefined) this.line(name, number, pending);
      pending = line;
      number++;
    }
    if (pending !== undefined && isJson(pending)) this.line(name, number, pending);
  }

  operations(): Operation[] {
    return this.read.filter(operation => operation !== undefined);
  }

  private line(file: string, number: number, text: string): void {
    if (text.trim() === '') return;
    const fail = (what: string): never => {
      throw new HistoryFileError(`${file}:${number}: line ${number} of the history is not an operation: ${what}: ${text.slice(0, 120)}`);
    };
    const raw = parsed(text, fail);
    checkOperation(raw, fail);
    const process = this.processOf(file, raw['process'] as number | string);
    const operation = { ...raw, process } as unknown as Operation;
    if (operation.kind === 'txn' && operation.id !== undefined) this.replace(`${process} ${operation.id}`);
    this.read.push(operation);
  }

  private processOf(file: string, named: number | string): number {
    const name = `${file} ${named}`;
    let process = this.processes.get(name);
    if (process === undefined) {
      process = typeof named === 'number' && !this.taken.has(named) ? named : this.free();
      this.processes.set(name, process);
      this.taken.add(process);
    }
    return process;
  }

  private free(): number {
    let number = this.processes.size;
    while (this.taken.has(number)) number++;
    return number;
  }

  /** The later line stands where it was written: that is when the operation ended. */
  private replace(name: string): void {
    const place = this.places.get(name);
    if (place !== undefined) this.read[place] = undefined;
    this.places.set(name, this.read.length);
  }
}

type Fail = (what: string) => never;
type Fields = Readonly<Record<string, unknown>>;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parsed(text: string, fail: Fail): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    fail(`not JSON (${(error as Error).message})`);
  }
  return isObject(value) ? value : fail('not an object');
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isName = (value: unknown): boolean => typeof value === 'number' || isText(value);
const isValue = (value: unknown): boolean => Number.isFinite(value) || typeof value === 'string';

/** What a field must be, and what to say when it is not. */
type Rule = readonly [holds: (value: unknown) => boolean, what: string];
const optional = ([holds, what]: Rule): Rule => [value => value === undefined || holds(value), `${what}, or left out`];

const TEXT: Rule = [isText, 'a text'];
const TIME: Rule = optional([value => Number.isFinite(value), 'a number of milliseconds']);
const ISOLATION: Rule = optional([value => value === 'read_committed' || value === 'read_uncommitted', 'read_committed or read_uncommitted']);
const POSITIONS: Rule = [value => isObject(value) && Object.values(value).every(isOffset), 'an object of offsets by partition'];
const MICRO: Rule = [Array.isArray, 'a list of sends and polls'];
const COMMON: Readonly<Record<string, Rule>> = {
  process: [isName, 'a number or a text'],
  outcome: [value => value === 'ok' || value === 'fail' || value === 'info', 'ok, fail or info'],
  startMs: TIME,
  endMs: TIME,
};
const FIELDS: Readonly<Record<Operation['kind'], Readonly<Record<string, Rule>>>> = {
  data: { ...COMMON, micro: MICRO, isolation: ISOLATION },
  txn: {
    ...COMMON, micro: MICRO, isolation: ISOLATION, transactionalId: TEXT, id: optional([isName, 'a number or a text']), commitMs: TIME,
    offsets: optional([value => isObject(value) && Object.values(value).every(POSITIONS[0]), 'an object of offsets by partition, by group']),
  },
  init: { ...COMMON, transactionalId: TEXT },
  assign: { ...COMMON, positions: optional(POSITIONS) },
  subscribe: COMMON,
  ends: { ...COMMON, ends: POSITIONS, isolation: ISOLATION, reached: optional([value => typeof value === 'boolean', 'true or false']) },
  committed: { ...COMMON, group: TEXT, offsets: POSITIONS },
};

function checkOperation(raw: Fields, fail: Fail): void {
  const kind = raw['kind'];
  const rules = typeof kind === 'string' && Object.hasOwn(FIELDS, kind) ? FIELDS[kind as Operation['kind']] : undefined;
  if (rules === undefined) return fail(`its kind is none of ${Object.keys(FIELDS).join(', ')}`);
  for (const [name, [holds, what]] of Object.entries(rules)) if (!holds(raw[name])) fail(`${name} of ${String(kind)} must be ${what}`);
  if (rules['micro'] !== undefined) for (const each of raw['micro'] as unknown[]) checkMicro(each, fail);
}

function checkMicro(raw: unknown, fail: Fail): void {
  const micro = raw as MicroOperation;
  if (!isObject(raw) || (micro.kind !== 'send' && micro.kind !== 'poll')) return fail('in micro stand objects whose kind is send or poll');
  if (micro.kind === 'poll') return checkPoll(micro.records, fail);
  if (!isText(micro.key)) fail('key of a send must be a text');
  if (!isValue(micro.value)) fail('value of a send must be a text or a number');
  if (micro.offset !== null && !isOffset(micro.offset)) fail('offset of a send must be an offset or null');
  if (micro.from !== undefined && !isOrigin(micro.from)) fail('from of a send must be [partition, offset], or left out');
}

const isOrigin = (value: unknown): boolean => Array.isArray(value) && value.length === 2 && isText(value[0]) && isOffset(value[1]);

function checkPoll(records: Readonly<Record<Key, unknown>>, fail: Fail): void {
  if (!isObject(records)) return fail('records of a poll must be an object of lists by partition');
  for (const list of Object.values(records)) {
    if (!Array.isArray(list)) return fail('records of a poll must be an object of lists by partition');
    for (const record of list as unknown[]) {
      if (!Array.isArray(record) || record.length !== 2 || !isOffset(record[0]) || !isValue(record[1])) fail('a polled record must be [offset, value]');
    }
  }
}

const CHUNK_BYTES = 1024 * 1024;

/** The lines of a file that need not fit in one string. What follows its last newline comes too, be it empty. */
function* linesOf(path: string): Generator<string> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  const decoder = new TextDecoder();
  const fd = openSync(path, 'r');
  let rest = '';
  try {
    for (let length = readSync(fd, chunk); length > 0; length = readSync(fd, chunk)) {
      const lines = (rest + decoder.decode(chunk.subarray(0, length), { stream: true })).split('\n');
      rest = lines.pop()!;
      yield* lines;
    }
  } finally {
    closeSync(fd);
  }
  yield rest;
}
