import { expect, test } from '@jest/globals';
import { GroupFlush } from './group-flush.js';

/** A flush that ends when it is told. */
class Work {
  running = 0;
  most = 0;
  started = 0;
  private end: ((error?: Error) => void) | undefined;

  readonly flush = new GroupFlush(async () => {
    this.started++;
    this.most = Math.max(this.most, ++this.running);
    try {
      await new Promise<void>((resolve, reject) => {
        this.end = error => (error ? reject(error) : resolve());
      });
    } finally {
      this.running--;
    }
  });

  async finish(error?: Error): Promise<void> {
    this.end?.(error);
    await new Promise(resolve => { setImmediate(resolve); });
  }
}

test('those who ask while one runs share the next', async () => {
  const work = new Work();
  const done: string[] = [];
  const ask = (name: string): unknown => work.flush.request().then(() => done.push(name));
  void ask('first');
  for (const name of ['second', 'third', 'fourth']) void ask(name);
  expect([work.started, done]).toEqual([1, []]);
  await work.finish();
  expect([work.started, done]).toEqual([2, ['first']]);
  void ask('fifth');
  await work.finish();
  expect([work.started, done]).toEqual([3, ['first', 'second', 'third', 'fourth']]);
  await work.finish();
  expect([done.at(-1), work.most]).toEqual(['fifth', 1]);
});

test('who asks the moment one ends does not start a second beside the next', async () => {
  const work = new Work();
  const first = work.flush.request().then(() => work.flush.request());
  const second = work.flush.request();
  await work.finish();
  await work.finish();
  await work.finish();
  await Promise.all([first, second]);
  expect(work.most).toBe(1);
});

test('a failure is told to those who asked for it, and the next is tried', async () => {
  const work = new Work();
  const outcomes = Promise.allSettled([work.flush.request(), work.flush.request()]);
  await work.finish(new Error('no'));
  await work.finish();
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  await work.flush.idle();
});
