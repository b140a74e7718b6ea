import type { Password } from './password.js';

/** What a value is written as; the names are those of Kafka's `ConfigDef.Type`, in lower case. */
export type SettingType = 'boolean' | 'string' | 'int' | 'short' | 'long' | 'double' | 'list' | 'class' | 'password';
export type Importance = 'high' | 'medium' | 'low';
/** Who may change it while the broker runs: nobody, one broker for itself, or the cluster for all (KIP-226). */
export type UpdateMode = 'read-only' | 'per-broker' | 'cluster-wide';
export type SettingValue = boolean | string | number | readonly string[] | Password | undefined;

/** A rule beyond the type. `text` is how Kafka's manual writes it. */
export interface Check {
  readonly text: string;
  /** For lists: what is named twice counts once. */
  readonly distinct?: boolean;
  /** The whole message of the fault, as a Kafka broker words it to its clients, or undefined when all is well. */
  fault(name: string, value: SettingValue, text: string | null): string | undefined;
}

/** One row of the table of settings. `V` is the type of the value that code reads. */
export interface Setting<V extends SettingValue = SettingValue> {
  readonly type: SettingType;
  /** Canonical text; null where absence is the default; undefined where a value must be given. */
  readonly defaultText: string | null | undefined;
  readonly check: Check | undefined;
  readonly importance: Importance;
  readonly update: UpdateMode;
  /** Left out of manuals and of DescribeConfigs unless somebody set it. */
  readonly internal: boolean;
  /** Whether Ottla acts on it; setting another to something else than its default earns a warning at start. */
  readonly honoured: boolean;
  readonly doc: string;
  /** Carries `V` for the compiler only. */
  readonly _value?: V;
}

export type SettingTable = Readonly<Record<string, Setting>>;
export type ValueOf<S> = S extends Setting<infer V> ? V : never;

/** The default of a setting that has none. */
export const REQUIRED = Symbol('required');
export const INT_MAX = 2147483647;
export const LONG_MAX = 9223372036854775807n;

interface Row {
  readonly importance: Importance;
  readonly update?: UpdateMode;
  readonly internal?: boolean;
  readonly honoured?: boolean;
  readonly doc: string;
}
type Default<T> = T | null | typeof REQUIRED;
type Read<D, T extends SettingValue> = D extends null ? T | undefined : T;

interface Numeric<D> extends Row {
  readonly default: D;
  readonly min?: number;
  readonly max?: number;
  readonly check?: Check;
}

export const int = <D extends Default<number>>(row: Numeric<D>): Setting<Read<D, number>> => numeric('int', row);
export const short = <D extends Default<number>>(row: Numeric<D>): Setting<Read<D, number>> => numeric('short', row);
/** Read as a number, which beyond 2^53 is near the value and good for comparing only; printed exactly. */
export const long = <D extends Default<number | bigint>>(row: Numeric<D>): Setting<Read<D, number>> => numeric('long', row);
export const double = <D extends Default<number>>(row: Numeric<D>): Setting<Read<D, number>> => numeric('double', row);

export const boolean = (row: Row & { readonly default: boolean }): Setting<boolean> => finish('boolean', String(row.default), undefined, row);

interface Textual<D> extends Row {
  readonly default: D;
  readonly check?: Check;
}

export const string = <D extends string | null>(row: Textual<D>): Setting<Read<D, string>> =>
  finish('string', row.default, row.check, row);
/** The name of a Java class in a Kafka configuration; Ottla keeps it as text. */
export const klass = <D extends string | null>(row: Textual<D>): Setting<Read<D, string>> =>
  finish('class', row.default, row.check, row);
export const password = (row: Row): Setting<Password | undefined> => finish('password', null, undefined, row);
export const list = <D extends Default<readonly string[]>>(row: Textual<D>): Setting<Read<D, readonly string[]>> =>
  finish('list', row.default === REQUIRED ? undefined : (row.default?.join(',') ?? null), row.check, row);

function numeric<D, T extends SettingValue>(type: SettingType, row: Numeric<D>): Setting<Read<D, T>> {
  const given = row.default as Default<number | bigint>;
  const defaultText = given === REQUIRED ? undefined : given === null ? null : printNumber(type, given);
  const check = row.check ?? (row.min === undefined && row.max === undefined ? undefined : range(row.min, row.max));
  return finish(type, defaultText, check, row);
}

function finish<V extends SettingValue>(type: SettingType, defaultText: string | null | undefined, check: Check | undefined, row: Row): Setting<V> {
  return {
    type, defaultText, check,
    importance: row.importance,
    update: row.update ?? 'read-only',
    internal: row.internal ?? false,
    honoured: row.honoured ?? false,
    doc: row.doc,
  };
}

/** A number as Java's `toString` of its type prints it. */
export function printNumber(type: SettingType, value: number | bigint): string {
  if (type !== 'double') return value.toString();
  const number = Number(value);
  if (!Number.isFinite(number)) return String(number);
  const magnitude = Math.abs(number);
  if (magnitude === 0) return Object.is(number, -0) ? '-0.0' : '0.0';
  if (magnitude >= 1e-3 && magnitude < 1e7) return Number.isInteger(number) ? `${number}.0` : String(number);
  const [digits = '', exponent = ''] = number.toExponential().split('e');
  return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`;
}

/** A wrong value, in the words with which Kafka's `ConfigException` begins. */
export const invalid = (name: string, text: string | null, why?: string): string =>
  `Invalid value ${text} for configuration ${name}${why === undefined ? '' : `: ${why}`}`;

function range(min: number | undefined, max: number | undefined): Check {
  return {
    text: max === undefined ? `[${min},...]` : min === undefined ? `[...,${max}]` : `[${min},...,${max}]`,
    fault(name, value, text) {
      if (typeof value !== 'number') return invalid(name, null, 'Value must be non-null');
      if (min !== undefined && value < min) return invalid(name, text, `Value must be at least ${min}`);
      if (max !== undefined && value > max) return invalid(name, text, `Value must be no more than ${max}`);
      return undefined;
    },
  };
}
