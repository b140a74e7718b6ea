import { describe, expect, test } from '@jest/globals';
import { errorName } from '../../protocol/errors.js';
import type { DeletedGroup, ListedGroup } from './types.js';
import { groupRecordCodec, type GroupRecord } from './records.js';
import { GroupDriver } from './testing/group-driver.js';

const DAY = 24 * 60 * 60_000;

/** A coordinator that finds what another one, which knows more protocols, has left. */
function takeOver(...records: GroupRecord[]): GroupDriver {
  const driver = new GroupDriver({ offsetsRetentionMs: DAY, offsetsRetentionCheckIntervalMs: DAY / 2 });
  for (const record of records) driver.log.push(groupRecordCodec.encode(record));
  driver.failOver();
  return driver;
}

const newer = (value: Uint8Array | null): GroupRecord => ({ kind: 'newer group', groupId: 'g', protocol: 'share', value });
const present = newer(Uint8Array.of(0, 0, 0, 0, 0, 1));

function committedBy(groupId: string): GroupRecord {
  const source = new GroupDriver();
  source.commit({ groupId });
  return source.written[0]!;
}

const listed = (driver: GroupDriver, statesFilter: string[] = [], typesFilter: string[] = []): readonly ListedGroup[] =>
  driver.run<ListedGroup[]>((machine, to, at) => machine.listGroups({ statesFilter, typesFilter }, to, at)).answer;

describe('a group of a newer protocol', () => {
  test('keeps its offsets, and is neither joined, nor deleted, nor taken for a group without members that has expired', () => {
    const driver = takeOver(present, committedBy('g'));
    const before = driver.log.length;
    expect(driver.committed()).toBe(7);
    expect(errorName(driver.join().answer.errorCode)).toBe('INCONSISTENT_GROUP_PROTOCOL');
    const [deleted] = driver.run<DeletedGroup[]>((machine, to, at) => machine.deleteGroups(['g'], to, at)).answer;
    expect(errorName(deleted!.errorCode)).toBe('INCONSISTENT_GROUP_PROTOCOL');
    driver.advance(10 * DAY);
    expect(driver.committed()).toBe(7);
    expect(driver.log.length).toBe(before);
  });

  test('takes offsets from outside the protocol, as when somebody resets them, and stays what it is', () => {
    const driver = takeOver(present);
    expect(driver.commit()).toBe('NONE');
    driver.advance(10 * DAY);
    expect(driver.committed()).toBe(7);
    expect(driver.written.map(({ kind }) => kind)).toEqual(['offset']);
    expect(driver.machine.groups.size).toBe(0);
  });

  test('takes the place of one that was only there for its offsets', () => {
    const driver = takeOver(committedBy('g'), present);
    expect(driver.machine.groups.size).toBe(0);
    expect(listed(driver)).toMatchObject([{ groupId: 'g', groupType: 'share' }]);
    expect(driver.committed()).toBe(7);
  });

  test('is listed by its own type', () => {
    const driver = takeOver(present);
    const own = { groupId: 'g', protocolType: 'share', groupState: 'Empty', groupType: 'share' };
    expect([listed(driver), listed(driver, ['empty'], ['Share'])]).toEqual([[own], [own]]);
    expect([listed(driver, [], ['classic']), listed(driver, ['Stable'])]).toEqual([[], []]);
  });

  test('leaves its name free once it is deleted', () => {
    const driver = takeOver(present, newer(null));
    expect(errorName(driver.join().answer.errorCode)).toBe('NONE');
    expect(listed(driver)).toMatchObject([{ groupId: 'g', groupType: 'classic' }]);
  });
});
