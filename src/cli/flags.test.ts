import { describe, expect, test } from '@jest/globals';
import { COMMANDS } from './commands.js';
import { parseFlags, parsePair, parsePort, UsageError } from './flags.js';

const start = (...words: string[]) => parseFlags(COMMANDS.start, words);

describe('flags', () => {
  test('come in three forms, and the last one counts', () => {
    const flags = start('--port', '1', '--data=/a=b', '-c', 'x', '--set', 'a=1', '--set=b=2', '--memory', '--port=3');
    expect([flags.get('port'), flags.get('data'), flags.get('config'), flags.has('memory'), flags.has('strict')]).toEqual(['3', '/a=b', 'x', true, false]);
    expect(flags.all('set')).toEqual(['a=1', 'b=2']);
    expect(flags.get('host')).toBeUndefined();
  });

  test.each<[string[], string]>([
    [['--prot', '1'], 'unknown flag --prot: did you mean --port?'],
    [['-x'], 'unknown flag -x'],
    [['--port'], '--port needs a value: --port N'],
    [['--data', '--memory'], '--data needs a value: --data DIR'],
    [['--memory=yes'], '--memory takes no value'],
    [['localhost'], "'localhost' is not understood here"],
  ])('%j: %s', (words, message) => {
    expect(() => start(...words)).toThrow(new UsageError(message));
  });

  test('operands stand where a command takes them, and all after -- are operands', () => {
    expect(parseFlags(COMMANDS.config, ['a', '--', '--markdown']).operands).toEqual(['a', '--markdown']);
  });

  test('ports and pairs are checked', () => {
    expect([parsePort('0'), parsePort('65535'), parsePort(undefined)]).toEqual([0, 65535, undefined]);
    for (const text of ['65536', '-1', '9092x', '']) expect(() => parsePort(text)).toThrow(UsageError);
    expect(parsePair('--set', 'a.b = c=d')).toEqual({ name: 'a.b', text: ' c=d' });
    expect(() => parsePair('--set', 'a')).toThrow('--set a: it has to be NAME=VALUE');
  });
});
