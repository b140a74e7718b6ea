import { Password } from './password.js';
import { invalid, printNumber, type Setting, type SettingTable, type SettingValue } from './setting.js';

/** A value in both its forms: as code reads it, and the canonical text that is printed and sent. */
export interface Parsed {
  readonly value: SettingValue;
  /** null for no value. Passwords are plain here: who prints them asks `setting.type` first. */
  readonly text: string | null;
}

/** A setting that cannot be taken. The message names setting and value, as Kafka's ConfigException does. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** Which answer a client gets: INVALID_CONFIG, or for `request` INVALID_REQUEST. */
  constructor(message: string, readonly kind: 'config' | 'request' = 'config') {
    super(message);
  }
}

const RANGES = {
  short: [-32768n, 32767n],
  int: [-2147483648n, 2147483647n],
  long: [-9223372036854775808n, 9223372036854775807n],
} as const;

const JAVA_DOUBLE = /^[+-]?(NaN|Infinity|((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)[fFdD]?)$/;

/**
 * Reads a value as its type says (Kafka's `ConfigDef.parseType` and `parseValue`): blanks around it do not count, and an
 * entry that a list of distinct ones names twice counts once. `text` null asks whether having no value is allowed.
 */
export function parseValue(name: string, setting: Setting, text: string | null): Parsed {
  const parsed = text === null ? { value: undefined, text: null } : parseText(name, setting, text);
  const fault = setting.check?.fault(name, parsed.value, parsed.text);
  if (fault !== undefined) throw new ConfigError(fault);
  return parsed;
}

function parseText(name: string, setting: Setting, text: string): Parsed {
  const trimmed = text.trim();
  switch (setting.type) {
    case 'boolean': {
      const lower = trimmed.toLowerCase();
      if (lower !== 'true' && lower !== 'false') throw new ConfigError(invalid(name, text, 'Expected value to be either true or false'));
      return { value: lower === 'true', text: lower };
    }
    case 'short':
    case 'int':
    case 'long': {
      const [min, max] = RANGES[setting.type];
      const number = /^[+-]?\d{1,25}$/.test(trimmed) ? BigInt(trimmed.replace(/^\+/, '')) : undefined;
      if (number === undefined || number < min || number > max) throw notANumber(name, setting, text);
      return { value: Number(number), text: number.toString() };
    }
    case 'double': {
      if (!JAVA_DOUBLE.test(trimmed)) throw notANumber(name, setting, text);
      const number = Number(/[fFdD]$/.test(trimmed) ? trimmed.slice(0, -1) : trimmed);
      return { value: number, text: printNumber('double', number) };
    }
    case 'list': {
      const named = trimmed === '' ? [] : trimmed.split(/\s*,\s*/);
      const entries = setting.check?.distinct ? [...new Set(named)] : named;
      return { value: entries, text: entries.join(',') };
    }
    case 'password':
      return { value: new Password(trimmed), text: trimmed };
    default:
      return { value: trimmed, text: trimmed };
  }
}

const notANumber = (name: string, setting: Setting, text: string): ConfigError =>
  new ConfigError(invalid(name, text, `Not a number of type ${setting.type.toUpperCase()}`));

const defaults = new WeakMap<Setting, Parsed>();

/** The default of a setting; of one that must be given, no value. */
export function defaultOf(setting: Setting): Parsed {
  let parsed = defaults.get(setting);
  if (parsed === undefined) {
    const text = setting.defaultText;
    // Defaults come from the table and are tested with it: no check here, some of Kafka's would not pass their own.
    parsed = text === undefined || text === null ? { value: undefined, text: null } : parseText('', setting, text);
    defaults.set(setting, parsed);
  }
  return parsed;
}

/** Whether asking for all of `table` with these values given finds nothing wrong; throws the first fault. */
export function checkAll(table: SettingTable, given: ReadonlyMap<string, string>): Map<string, Parsed> {
  const values = new Map<string, Parsed>();
  for (const [name, setting] of Object.entries(table)) {
    const text = given.get(name);
    values.set(name, text === undefined ? defaultOf(setting) : parseValue(name, setting, text));
  }
  return values;
}
