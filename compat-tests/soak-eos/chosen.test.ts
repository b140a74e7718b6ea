import { expect, test } from '@jest/globals';
import { chosenFrom } from './chosen.js';
import { whatIsMissing } from './figures.js';

const KNOWN = ['Java clients', 'kafkajs', 'franz-go'];

test('without a word all clients and Kafka Streams work for ten minutes', () => {
  expect(chosenFrom({}, KNOWN)).toEqual({ durationMs: 600_000, seed: 1, clients: KNOWN, hasStreams: true, command: 'make soak-eos DURATION_S=600 SEED=1' });
});

test('the command has all that was asked for', () => {
  const { clients, hasStreams, command } = chosenFrom({ DURATION_S: '30', SEED: '7', CLIENTS: 'kafkajs, Java clients', STREAMS: 'no', BROKER: 'apache' }, KNOWN);
  expect({ clients, hasStreams }).toEqual({ clients: ['Java clients', 'kafkajs'], hasStreams: false });
  expect(command).toBe('make soak-eos DURATION_S=30 SEED=7 CLIENTS=\'kafkajs, Java clients\' STREAMS=no BROKER=apache');
});

test.each([
  [{ CLIENTS: 'kafkajs,franzgo' }, 'CLIENTS names \'franzgo\', which is none of \'Java clients\', \'kafkajs\', \'franz-go\''],
  [{ STREAMS: 'off' }, 'STREAMS is \'off\''], [{ DURATION_S: '10m' }, 'DURATION_S is \'10m\''], [{ SEED: '-1' }, 'SEED is \'-1\''],
])('%p is refused', (variables, message) => {
  expect(() => chosenFrom(variables, KNOWN)).toThrow(message);
});

test('a run that met nothing is told from one that went well', () => {
  const transactions = { committed: 3, aborted: 0, unknown: 0 };
  expect(whatIsMissing({ pipelines: ['kafkajs'], kills: 1, transactions, silent: [] })).toEqual([]);
  expect(whatIsMissing({ pipelines: [], kills: 1, transactions, silent: [] })).toEqual(['there was no pipeline']);
  expect(whatIsMissing({ pipelines: ['kafkajs'], kills: 0, transactions: { ...transactions, committed: 0 }, silent: ['kafkajs'] })).toEqual([
    'the broker was not killed', 'no transaction was committed', 'kafkajs: nothing was committed after the first kill',
  ]);
});
