import { describe, expect, test } from '@jest/globals';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import { groupRecordCodec, offsetTombstone } from './records.js';
import type { GroupRecord } from './records.js';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');
const encode = (record: GroupRecord) => {
  const { key, value } = groupRecordCodec.encode(record);
  return { key: Uint8Array.from(key!), value: value && Uint8Array.from(value) };
};
const decode = (key: Uint8Array | null, value: Uint8Array | null) => groupRecordCodec.decode(key, value);

const group: GroupRecord = {
  kind: 'group', groupId: 'g',
  value: {
    protocolType: 'consumer', generation: 3, protocol: 'range', leader: 'm', currentStateTimestamp: 5,
    members: [{
      memberId: 'm', groupInstanceId: 'i', clientId: 'c', clientHost: '/h', rebalanceTimeout: 6, sessionTimeout: 7,
      subscription: Uint8Array.of(1, 2), assignment: Uint8Array.of(3),
    }],
  },
};

const offset: GroupRecord = {
  kind: 'offset', groupId: 'g', topic: 't', partition: 2,
  value: { offset: 42, leaderEpoch: 4, metadata: 'n', commitTimestamp: 9, expireTimestamp: -1, topicId: ZERO_UUID },
};

describe('records of __consumer_offsets', () => {
  test('a classic group is key 2 and value version 3', () => {
    const { key, value } = encode(group);
    expect(key).toEqual(Uint8Array.from(hex('0002 0001 67')));
    expect(value).toEqual(Uint8Array.from(hex(`
      0003 0008 636f6e73756d6572 00000003 0005 72616e6765 0001 6d 0000000000000005
      00000001 0001 6d 0001 69 0001 63 0002 2f68 00000006 00000007 00000002 0102 00000001 03`)));
    expect(decode(key, value)).toEqual({ ...group, value: expect.objectContaining({ generation: 3, leader: 'm' }) });
  });

  test('an offset is key 1 and value version 4, or version 1 with a time at which it expires', () => {
    const { key, value } = encode(offset);
    expect(key).toEqual(Uint8Array.from(hex('0001 0001 67 0001 74 00000002')));
    expect(value).toEqual(Uint8Array.from(hex('0004 000000000000002a 00000004 02 6e 0000000000000009 00')));
    expect(decode(key, value)).toEqual(offset);
    const expiring = encode({ ...offset, value: { ...offset.value!, expireTimestamp: 11, leaderEpoch: -1 } });
    expect(expiring.value).toEqual(Uint8Array.from(hex('0001 000000000000002a 0001 6e 0000000000000009 000000000000000b')));
  });

  test('a null value deletes', () => {
    for (const record of [group, offset]) {
      const { key, value } = encode({ ...record, value: null });
      expect(value).toBeNull();
      expect(decode(key, value)).toEqual({ ...record, value: null });
    }
  });

  test('older versions are read: a member without rebalance timeout, an offset under the key of old', () => {
    const oldGroup = hex('0000 0000 00000001 ffff ffff 00000001 0001 6d 0001 63 0001 68 00000007 00000000 00000000');
    expect(decode(hex('0002 0001 67'), oldGroup)).toMatchObject({
      value: { generation: 1, protocol: null, currentStateTimestamp: -1, members: [{ groupInstanceId: null, rebalanceTimeout: -1, sessionTimeout: 7 }] },
    });
    expect(decode(hex('0000 0001 67 0001 74 00000002'), hex('0000 000000000000002a 0000 0000000000000009'))).toMatchObject({
      kind: 'offset', groupId: 'g', topic: 't', partition: 2, value: { offset: 42, leaderEpoch: -1, expireTimestamp: -1, topicId: ZERO_UUID },
    });
  });

  test.each([['share', 11], ['streams', 17]] as const)('that a %s group is there is key %i', (protocol, type) => {
    const key = Buffer.concat([Buffer.of(0, type), hex('0001 67')]);
    for (const value of [Uint8Array.from(hex('0000 00000001')), null]) {
      const record: GroupRecord = { kind: 'newer group', groupId: 'g', protocol, value };
      expect(decode(key, value)).toEqual(record);
      expect(encode(record)).toEqual({ key: Uint8Array.from(key), value });
    }
  });

  test('keys that differ in their partition alone, and those that differ in more, are told apart', () => {
    const keys = [['g', 't', 0], ['g', 't', 1], ['g', 't', 2 ** 31 - 1], ['g', 'u', 1], ['h', 'u', 1], ['hu', 'x', 1], ['h', 'ux', 1]] as const;
    const decoded = keys.map(([groupId, topic, partition]) => {
      const { key } = groupRecordCodec.encode(offsetTombstone(groupId, topic, partition));
      return groupRecordCodec.decode(key, null);
    });
    expect(decoded).toEqual(keys.map(([groupId, topic, partition]) => offsetTombstone(groupId, topic, partition)));
  });

  test('records of their members, of unknown kinds and without a key are skipped', () => {
    for (const key of ['000a 0001 67', '0013 0001 67', '0063', '00']) expect(decode(hex(key), hex('0000'))).toBeUndefined();
    expect(decode(null, hex('0000'))).toBeUndefined();
  });

  test('a value from the future is an error that names it', () => {
    expect(() => decode(hex('0002 0001 67'), hex('0009'))).toThrow('GroupMetadataValue of version 9');
  });

  test('what is decoded does not hold on to the bytes it came from', () => {
    const { key, value } = encode(group);
    const decoded = decode(key, value);
    value!.fill(0xff);
    expect(decoded).toMatchObject({ value: { members: [{ memberId: 'm' }] } });
    if (decoded?.kind === 'group') expect([...decoded.value!.members[0]!.subscription]).toEqual([1, 2]);
  });
});
