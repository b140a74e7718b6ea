import { describe, expect, test } from '@jest/globals';
import { assert, bigInt, double as doubles, property } from 'fast-check';
import { items } from './checks.js';
import { double, int, list, long, short, type SettingTable } from './setting.js';
import { brokerSetting, brokerSettings, clientMetricsSettings, groupSettings, topicSettings } from './table/index.js';
import { defaultOf, parseValue } from './value.js';

const row = { importance: 'low', doc: '' } as const;
const anyLong = long({ default: null, ...row });
const anyDouble = double({ default: null, ...row });

describe('values', () => {
  test('every int64 prints as it was written', () => {
    assert(property(bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), number => {
      const parsed = parseValue('x', anyLong, ` ${number} `);
      expect(parsed).toEqual({ value: Number(number), text: String(number) });
    }));
  });

  test('every finite double reads back from its printed form', () => {
    assert(property(doubles({ noNaN: true, noDefaultInfinity: true }), number => {
      const { text } = parseValue('x', anyDouble, String(number));
      expect(text).toMatch(/^-?\d+\.\d+(E-?\d+)?$/);
      expect(parseValue('x', anyDouble, text).value).toBe(number === 0 ? 0 : number);
    }));
  });

  test.each([['1e-4', '1.0E-4'], ['0.001', '0.001'], ['9999999', '9999999.0'], ['1e7', '1.0E7'], ['12345678.5', '1.23456785E7'],
    ['-0', '-0.0'], ['1d', '1.0'], ['NaN', 'NaN'], ['-Infinity', '-Infinity']])('the double %s prints as %s', (text, printed) => {
    expect(parseValue('x', anyDouble, text).text).toBe(printed);
  });

  test.each([
    [short({ default: 1, ...row }), '32768'], [int({ default: 1, ...row }), '2147483648'], [anyLong, '9223372036854775808'], [anyLong, '-9223372036854775809'],
    [anyLong, '1.0'], [anyLong, ''], [anyLong, '0x1'], [anyLong, '9'.repeat(1000)], [anyDouble, '1,5'], [anyDouble, 'e5'],
  ])('beyond its type a number is refused: %#', (setting, text) => {
    expect(() => parseValue('a.b', setting, text)).toThrow(/^Invalid value .* for configuration a\.b: Not a number of type /);
  });

  test('a list splits at commas, drops blanks around them and names each entry once', () => {
    const any = list({ default: [], check: items({ empty: true }), ...row });
    expect(parseValue('x', any, ' a , b,a,c ').value).toEqual(['a', 'b', 'c']);
    expect(parseValue('x', any, ' ').value).toEqual([]);
    expect(parseValue('x', list({ default: [], ...row }), 'a,,b,a').value).toEqual(['a', '', 'b', 'a']);
  });

  test('every default in the table passes its own check', () => {
    for (const table of [brokerSettings, topicSettings, groupSettings, clientMetricsSettings]) {
      for (const [name, setting] of Object.entries(table)) {
        if (setting.defaultText === undefined || setting.defaultText === null) continue;
        expect([name, parseValue(name, setting, setting.defaultText).text]).toEqual([name, setting.defaultText]);
        expect(defaultOf(setting).text).toBe(setting.defaultText);
      }
    }
  });

  const fault = (name: string, text: string | null): string => {
    try {
      parseValue(name, brokerSetting(name) ?? (topicSettings as SettingTable)[name]!, text);
    } catch (error) {
      return (error as Error).message;
    }
    return 'no fault';
  };

  test.each([
    ['compression.type', 'brotli', 'Invalid value brotli for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer'],
    ['compression.gzip.level', '0', 'Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1'],
    ['compression.gzip.level', '-1', 'no fault'],
    ['cleanup.policy', 'compact,', "Configuration 'cleanup.policy' values must not be empty."],
    ['cleanup.policy', '', 'no fault'],
    ['process.roles', '', "Configuration 'process.roles' must not be empty. Valid values include: [broker, controller]"],
    ['min.cleanable.dirty.ratio', '1.5', 'Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1'],
    ['controller.quorum.voters', '1@localhost:9093,2@[::1]:9094', 'no fault'],
    ['controller.quorum.voters', 'localhost:9093', 'Invalid configuration value for controller.quorum.voters. Each entry should be in the form `{id}@{host}:{port}`.'],
    [
      'controller.quorum.bootstrap.servers', 'localhost',
      'Failed to parse host name from localhost for the configuration controller.quorum.bootstrap.servers. Each entry should be in the form "{host}:{port}"',
    ],
    ['leader.replication.throttled.replicas', '0:1,2:3', 'no fault'],
    ['leader.replication.throttled.replicas', '*', 'no fault'],
    ['group.consumer.migration.policy', 'Upgrade', 'no fault'],
  ])('%s = %s: %s', (name, text, message) => {
    expect(fault(name, text)).toBe(message);
  });
});
