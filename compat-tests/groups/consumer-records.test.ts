// A consumer group's conversation leaves the same records in `__consumer_offsets`, whichever broker has it.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeRecord } from '../../src/cli/dump/decode-records.js';
import { batchesIn, recordsIn } from '../../src/protocol/records/batch-iterator.js';
import { Player, common, rangesOf, type VersionRanges } from '../differential/player.js';
import { consumerGroups } from '../differential/scenarios/consumer-groups.js';
import { brokerUnderTest, type BrokerUnderTest } from '../support/brokers.js';
import { withJava } from '../support/java-tests.js';
import { report } from '../support/toolchains.js';

const TIMEOUT_MS = 240_000;
const OFFSETS_DIRECTORY = '__consumer_offsets-0';
const DAY_MS = 86_400_000;
/** An id that a broker made: a topic's, or a member's in version 0. */
const MADE_ID = /^[\w-]{22}$/;

const java = withJava('records of consumer groups against Apache Kafka');

/** The records of each group, in order, without what cannot be equal: ids that brokers made, hashes over these, versions of the metadata, and the time. */
function recordsByGroup(dataDir: string): Map<string, string[]> {
  const folder = join(dataDir, OFFSETS_DIRECTORY);
  const byGroup = new Map<string, string[]>();
  for (const file of readdirSync(folder).filter(name => name.endsWith('.log')).sort()) {
    const bytes = readFileSync(join(folder, file));
    for (const at of batchesIn(bytes)) {
      for (const record of recordsIn(bytes, at)) {
        const decoded = decodeRecord('offsets', record)!;
        const { groupId, group = groupId ?? '' } = decoded.key as { groupId?: string; group?: string };
        const { type, version, key, value } = decoded;
        const line = JSON.stringify({ bytes: record.value?.length ?? null, type, version, key: told(key), value: told(value) });
        byGroup.set(group, [...byGroup.get(group) ?? [], line]);
      }
    }
  }
  return new Map([...byGroup].map(([group, records]) => [group, withoutChance(records)]));
}

/** The targets of one assignment stand in the order of a hash of the members' ids: by chance where a broker made one of them. */
function withoutChance(records: readonly string[]): string[] {
  const isTarget = (line: string): boolean => line.includes('"ConsumerGroupTargetAssignmentMember"');
  const sorted = [...records];
  for (let start = 0; start < sorted.length; start++) {
    let end = start;
    while (end < sorted.length && isTarget(sorted[end]!)) end++;
    const targets = sorted.slice(start, end);
    if (targets.some(line => line.includes('"memberId":"<id>"'))) sorted.splice(start, targets.length, ...targets.sort());
    start = Math.max(start, end - 1);
  }
  return sorted;
}

function told(value: unknown, field = ''): unknown {
  if (field === 'metadataHash' && value !== 0) return '<hash>';
  if (field === 'version') return '<version>';
  if (typeof value === 'number' && Math.abs(value - Date.now()) < DAY_MS) return '<now>';
  if (typeof value === 'string') return MADE_ID.test(value) ? '<id>' : value;
  if (Array.isArray(value)) return value.map(one => told(one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, told(one, name)]));
}

java.describe('records of consumer groups', () => {
  const brokers = (['apache', 'ottla'] as const).map(kind => brokerUnderTest({ 'offsets.topic.num.partitions': '1' }, kind));
  let written: Map<string, string[]>[] = [];

  const play = async (broker: BrokerUnderTest, ranges: VersionRanges): Promise<void> => {
    const player = new Player(broker.host, broker.port, ranges);
    try {
      await player.untilGroupsServed();
      await consumerGroups(player);
    } finally {
      player.close();
    }
    await broker.stop();
  };

  beforeAll(async () => {
    await Promise.all(brokers.map(broker => broker.start()));
    const [apache, ottla] = await Promise.all(brokers.map(({ host, port }) => rangesOf(host, port)));
    const both = common(apache!, ottla!);
    await Promise.all(brokers.map(broker => play(broker, both)));
    written = brokers.map(({ dataDir }) => recordsByGroup(dataDir));
  }, TIMEOUT_MS);
  afterAll(async () => { await Promise.all(brokers.map(broker => broker.remove())); }, TIMEOUT_MS);

  test('are those of Apache Kafka 4.3.1, in its order', () => {
    const [apache, ottla] = written as [Map<string, string[]>, Map<string, string[]>];
    expect([...ottla.keys()].sort()).toEqual([...apache.keys()].sort());
    for (const [groupId, records] of apache) expect({ groupId, records: ottla.get(groupId) }).toEqual({ groupId, records });
    const count = [...apache.values()].flat().length;
    report('consumer group records', `${count} records of ${apache.size} consumer groups are those that Apache Kafka 4.3.1 writes.`);
    expect(count).toBeGreaterThan(100);
  });
});
