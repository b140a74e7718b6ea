import { expect, test } from '@jest/globals';
import { LogLevels } from './log-levels.js';
import { LineLogger } from './node/logger.js';

test('a logger without a level of its own has that of its nearest parent, in the end the root\'s', () => {
  const levels = new LogLevels('info');
  for (const name of ['log', 'log.cleaner', 'server']) levels.add(name);
  levels.set('log', 'ERROR');
  expect(levels.entries()).toEqual([['root', 'INFO'], ['log', 'ERROR'], ['log.cleaner', 'ERROR'], ['server', 'INFO']]);
  levels.set('root', 'DEBUG');
  levels.set('log.cleaner', 'TRACE');
  levels.unset('log');
  expect(levels.entries()).toEqual([['root', 'DEBUG'], ['log', 'DEBUG'], ['log.cleaner', 'TRACE'], ['server', 'DEBUG']]);
  levels.unset('root');
  expect(levels.levelOf('root')).toBe('DEBUG');
});

test('lines follow a level that changes while they are written', () => {
  const lines: string[] = [];
  const logger = new LineLogger('info', line => lines.push(line.slice(25).trimEnd()));
  const cleaner = logger.child('log').child('cleaner');
  const say = (): void => {
    logger.info('root');
    cleaner.debug('detail');
    cleaner.error('failure');
  };
  say();
  logger.levels.set('log', 'DEBUG');
  say();
  logger.levels.set('root', 'FATAL');
  logger.levels.set('log.cleaner', 'FATAL');
  say();
  expect(lines).toEqual(['INFO root', 'ERROR [log.cleaner] failure', 'INFO root', 'DEBUG [log.cleaner] detail', 'ERROR [log.cleaner] failure']);
  expect(logger.levels.has('log.cleaner')).toBe(true);
});
