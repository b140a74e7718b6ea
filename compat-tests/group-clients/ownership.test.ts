import { expect, test } from '@jest/globals';
import { Ownership } from './ownership.js';

const part = (partition: number) => [{ topic: 't', partitions: [partition] }];

test('one owner after the other is in order, in either protocol', () => {
  const seen = new Ownership();
  seen.assigned('classic', 1, 'a', part(0));
  seen.assigned('classic', 1, 'b', part(1));
  seen.assigned('classic', 2, 'b', part(0));
  seen.committed('classic', 1, 'a', 't', 0);
  seen.committed('classic', 2, 'b', 't', 0);
  seen.told('new', 'a', part(0));
  seen.stillHas('new', 'a', []);
  seen.told('new', 'b', part(0));
  seen.leaves('new', 'b');
  // The answer to what it asked before it left.
  seen.told('new', 'b', part(0));
  seen.told('new', 'c', part(0));
  seen.leaves('new', 'c');
  seen.joins('new', 'b');
  seen.told('new', 'b', part(0));
  expect(seen.faults).toEqual([]);
  expect([seen.assignments, seen.commits]).toEqual([8, 2]);
});

test('two owners in a generation are found', () => {
  const seen = new Ownership();
  seen.assigned('g', 1, 'a', part(0));
  seen.assigned('g', 1, 'b', part(0));
  expect(seen.faults).toEqual(['g: in generation 1 both a and b were assigned t-0']);
});

test('a partition that is given away before it is given back is found', () => {
  const seen = new Ownership();
  seen.told('g', 'a', part(0));
  seen.stillHas('g', 'a', part(0));
  seen.told('g', 'b', part(0));
  expect(seen.faults).toEqual(['g: b was assigned t-0 while a still had it']);
});

test('two members that commit a partition in one generation are found', () => {
  const seen = new Ownership();
  seen.committed('g', 3, 'a', 't', 0);
  seen.committed('g', 3, 'b', 't', 0);
  expect(seen.faults).toEqual(['g: in generation 3 both a and b committed t-0']);
});
