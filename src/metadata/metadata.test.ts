import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { MalformedError } from '../base/bytes.js';
import { defaultBootstrap, readBootstrap, writeBootstrap } from './bootstrap.js';
import { clientQuotaKey, MetadataDelta } from './delta.js';
import { defaultFeatures, featuresToFinalize, FeatureName, metadataVersionName, metadataVersionOf, SUPPORTED_FEATURES } from './features.js';
import { ImageBuilder } from './image-builder.js';
import { recordsOfImage } from './image-records.js';
import { DirectoryId, EMPTY_IMAGE } from './image.js';
import { changed, LayeredMap } from './layered-map.js';
import { decodeMetadataRecord, encodeMetadataRecord, metadataRecord, type MetadataRecord } from './records.js';
import { checkSnapshot, readSnapshot, snapshotBatches } from './snapshot.js';
import { configKey, ConfigResourceType, type MetadataImage } from './types.js';

const topicIds = ['AAAAAAAAQACAAAAAAAAAAQ', 'AAAAAAAAQACAAAAAAAAAAg', 'AAAAAAAAQACAAAAAAAAAAw'];
const topicName = (id: string) => `topic-${topicIds.indexOf(id)}`;

/** Records in an order in which a controller may write them: things are changed only while they exist. */
const history: fc.Arbitrary<MetadataRecord[]> = fc.array(fc.record({
  kind: fc.constantFrom('topic', 'remove', 'change', 'config', 'broker', 'brokerChange', 'unregister', 'quota', 'scram', 'ids', 'feature', 'acl', 'elr'),
  pick: fc.nat(2), number: fc.nat(100), flag: fc.boolean(),
}), { maxLength: 60 }).map(steps => {
  const topics = new Set<string>();
  const brokers = new Map<number, number>();
  const records: MetadataRecord[] = [];
  for (const { kind, pick, number, flag } of steps) {
    const id = topicIds[pick]!;
    if (kind === 'topic' && !topics.has(id)) {
      topics.add(id);
      records.push(metadataRecord('Topic', { name: topicName(id), topicId: id }));
      for (let partitionId = 0; partitionId <= number % 3; partitionId++) {
        records.push(metadataRecord('Partition', {
          partitionId, topicId: id, replicas: [1, 2], isr: [1], removingReplicas: [], addingReplicas: [], leader: 1, leaderEpoch: 0, partitionEpoch: 0,
          directories: flag ? [DirectoryId.UNASSIGNED, DirectoryId.LOST] : [],
        }));
      }
    } else if (kind === 'remove' && topics.delete(id)) records.push(metadataRecord('RemoveTopic', { topicId: id }));
    else if (kind === 'change' && topics.has(id)) {
      records.push(metadataRecord('PartitionChange', { partitionId: 0, topicId: id, isr: [2], leader: flag ? 2 : -2, eligibleLeaderReplicas: flag ? [1] : null }));
    } else if (kind === 'elr' && topics.has(id)) records.push(metadataRecord('ClearElr', { topicName: flag ? topicName(id) : '' }));
    else if (kind === 'config') {
      records.push(metadataRecord('Config', {
        resourceType: ConfigResourceType.BROKER, resourceName: pick === 0 ? '' : String(pick), name: `key-${number % 4}`, value: flag ? `${number}` : null,
      }));
    } else if (kind === 'broker') {
      brokers.set(pick, records.length);
      records.push(metadataRecord('RegisterBroker', {
        brokerId: pick, brokerEpoch: records.length, incarnationId: id, rack: flag ? 'r' : null, logDirs: [id],
        endPoints: [{ name: 'PLAINTEXT', host: 'h', port: 1, securityProtocol: 0 }],
        features: [{ name: 'metadata.version', minSupportedVersion: 7, maxSupportedVersion: 30 }],
      }));
    } else if (kind === 'brokerChange' && brokers.has(pick)) {
      records.push(metadataRecord('BrokerRegistrationChange', {
        brokerId: pick, brokerEpoch: brokers.get(pick)!, fenced: flag ? -1 : 1, inControlledShutdown: number % 2, cordonedLogDirs: number % 3 === 0 ? [id] : null,
      }));
    } else if (kind === 'unregister' && brokers.has(pick)) {
      records.push(metadataRecord('UnregisterBroker', { brokerId: pick, brokerEpoch: brokers.get(pick)! }));
      brokers.delete(pick);
    } else if (kind === 'quota') {
      records.push(metadataRecord('ClientQuota', { entity: [{ entityType: 'user', entityName: flag ? 'u' : null }], key: `k${pick}`, value: number, remove: number % 3 === 0 }));
    } else if (kind === 'scram') {
      const bytes = Uint8Array.of(number);
      records.push(flag ? metadataRecord('RemoveUserScramCredential', { name: 'u', mechanism: 1 })
        : metadataRecord('UserScramCredential', { name: 'u', mechanism: 1, salt: bytes, storedKey: bytes, serverKey: bytes, iterations: 4096 }));
    } else if (kind === 'ids') records.push(metadataRecord('ProducerIds', { brokerId: 1, brokerEpoch: 1, nextProducerId: number * 1000 }));
    else if (kind === 'feature') records.push(metadataRecord('FeatureLevel', { name: pick === 0 ? 'metadata.version' : 'group.version', featureLevel: pick === 0 ? 30 : Number(flag) }));
    else if (kind === 'acl') {
      records.push(flag ? metadataRecord('RemoveAccessControlEntry', { id }) : metadataRecord('AccessControlEntry', {
        id, resourceType: 2, resourceName: 'x', patternType: 3, principal: 'User:u', host: '*', operation: 2, permissionType: 3,
      }));
    }
  }
  return records;
});

function replay(records: Iterable<MetadataRecord>, image: MetadataImage = EMPTY_IMAGE): MetadataImage {
  const builder = new ImageBuilder(image);
  let offset = image.offset;
  for (const record of records) builder.replay(record, ++offset, 1);
  return builder.image;
}

/** What an image holds, whatever order it came about in. */
const content = (image: MetadataImage) => [...recordsOfImage(image)].map(record => JSON.stringify(record)).sort();

describe('LayeredMap', () => {
  test('is a Map that leaves its former selves alone', () => {
    const change = fc.tuple(fc.nat(300), fc.option(fc.nat(), { nil: undefined }));
    fc.assert(fc.property(fc.array(fc.array(change, { maxLength: 30 }), { maxLength: 40 }), batches => {
      let map = LayeredMap.empty<number, number>();
      const model = new Map<number, number>();
      for (const changes of batches) {
        const before = map;
        const listed = [...before];
        map = map.with(changes);
        for (const [key, value] of changes) {
          if (value === undefined) model.delete(key);
          else model.set(key, value);
        }
        expect([...before]).toEqual(listed);
        expect(map.size).toBe(model.size);
        expect(new Map(map)).toEqual(model);
        for (const [key] of changes) expect([map.get(key), map.has(key)]).toEqual([model.get(key), model.has(key)]);
        expect([new Set(map.keys()), new Set(map.values())]).toEqual([new Set(model.keys()), new Set(model.values())]);
      }
    }));
  });

  test('without changes stays itself', () => {
    const map = new Map([[1, 2]]);
    expect(changed(map, new Map())).toBe(map);
  });
});

describe('records', () => {
  test('are read as they were written', () => {
    fc.assert(fc.property(history, records => {
      const decoded = records.map(record => decodeMetadataRecord(encodeMetadataRecord(record, 30)));
      expect(content(replay(decoded))).toEqual(content(replay(records)));
    }));
  });

  test('take the lowest version that carries their fields', () => {
    const version = (record: MetadataRecord) => encodeMetadataRecord(record, 30)[2];
    const change = { brokerId: 1, brokerEpoch: 1 };
    expect(version(metadataRecord('BrokerRegistrationChange', { ...change, fenced: -1 }))).toBe(0);
    expect(version(metadataRecord('BrokerRegistrationChange', { ...change, cordonedLogDirs: [] }))).toBe(3);
    expect([...encodeMetadataRecord(metadataRecord('FeatureLevel', { name: 'a', featureLevel: 2 }), 30)]).toEqual([1, 12, 0, 2, 97, 0, 2, 0]);
  });

  test('beyond the finalized metadata.version are a mistake of ours', () => {
    expect(() => encodeMetadataRecord(metadataRecord('ClearElr', { topicName: '' }), 22)).toThrow(/metadata.version 22/);
    expect(() => encodeMetadataRecord(metadataRecord('ClearElr', { topicName: '' }), 23)).not.toThrow();
  });

  test('that are of unknown kind, frame or version are refused', () => {
    for (const bytes of [[0, 12, 0], [1, 99, 0], [1, 12, 7]]) expect(() => decodeMetadataRecord(Uint8Array.from(bytes))).toThrow(MalformedError);
    const metadataVersion = metadataRecord('FeatureLevel', { name: FeatureName.METADATA_VERSION, featureLevel: 99 });
    expect(() => replay([metadataVersion])).toThrow(/metadata.version 99 is not one that this version reads: 7 to 30/);
  });
});

describe('image', () => {
  test('is the same whether its records came one by one, all at once, or from a snapshot of it', () => {
    fc.assert(fc.property(history, records => {
      let stepwise = EMPTY_IMAGE;
      for (const record of records) stepwise = replay([record], stepwise);
      const image = replay(records);
      expect(content(stepwise)).toEqual(content(image));
      expect(content(replay(recordsOfImage(image)))).toEqual(content(image));
      const bytes = Buffer.concat([...snapshotBatches({ epoch: 3, lastContainedLogTimestampMs: 5, nowMs: 9, records: recordsOfImage(image), metadataVersion: 30 })]);
      expect(content(replay(readSnapshot(bytes).records))).toEqual(content(image));
    }));
  });

  test('names in topicsByName and topicsById agree', () => {
    fc.assert(fc.property(history, records => {
      const { topicsByName, topicsById } = replay(records);
      expect(new Set(topicsByName.values())).toEqual(new Set(topicsById.values()));
      for (const [name, topic] of topicsByName) expect(topic.name).toBe(name);
    }));
  });

  test('an aborted transaction leaves nothing, an ended one all', () => {
    fc.assert(fc.property(history, fc.nat(60), fc.boolean(), (records, cut, abort) => {
      const [before, inside] = [records.slice(0, cut), records.slice(cut)];
      const end = abort ? metadataRecord('AbortTransaction', {}) : metadataRecord('EndTransaction', {});
      const image = replay([...before, metadataRecord('BeginTransaction', {}), ...inside, end]);
      expect(content(image)).toEqual(content(replay(abort ? before : records)));
      expect(image.offset).toBe(records.length + 1);
    }));
  });

  test('a topic that is deleted and created again in one delta has its new id', () => {
    const [first, second] = topicIds as [string, string];
    const topic = (topicId: string) => metadataRecord('Topic', { name: 't', topicId });
    const delta = new MetadataDelta(replay([topic(first), metadataRecord('Config', { resourceType: 2, resourceName: 't', name: 'retention.ms', value: '5' })]));
    delta.replay(metadataRecord('RemoveTopic', { topicId: first }));
    delta.replay(topic(second));
    const image = delta.apply(9, 1);
    expect([image.topicsByName.get('t')?.id, [...image.topicsById.keys()]]).toEqual([second, [second]]);
    expect(image.configs.has(configKey(ConfigResourceType.TOPIC, 't'))).toBe(false);
    expect([[...delta.topics.deleted.keys()], delta.topics.created.map(({ id }) => id)]).toEqual([[first], [second]]);
  });

  test('a change names leader and epochs: naming the same leader raises its epoch', () => {
    const topicId = topicIds[0]!;
    const change = (fields: object) => metadataRecord('PartitionChange', { partitionId: 0, topicId, ...fields });
    const records = [
      metadataRecord('Topic', { name: 't', topicId }),
      metadataRecord('Partition', { partitionId: 0, topicId, replicas: [1], isr: [1], removingReplicas: [], addingReplicas: [], leader: 1, leaderEpoch: 0, partitionEpoch: 0, directories: [] }),
    ];
    const after = (...changes: MetadataRecord[]) => replay([...records, ...changes]).topicsByName.get('t')?.partitions[0];
    expect(after(change({ leader: 1 }))).toMatchObject({ leader: 1, leaderEpoch: 1, partitionEpoch: 1 });
    expect(after(change({ isr: [] }), change({ leaderRecoveryState: 1 }))).toMatchObject({ leader: 1, leaderEpoch: 0, partitionEpoch: 2, isr: [], leaderRecoveryState: 1 });
    expect(after()?.directories).toEqual([DirectoryId.MIGRATING]);
  });

  test('a delta says what changed', () => {
    const topicId = topicIds[0]!;
    const delta = new MetadataDelta(EMPTY_IMAGE);
    delta.replay(metadataRecord('Topic', { name: 't', topicId }));
    delta.replay(metadataRecord('Partition', { partitionId: 0, topicId, replicas: [1], isr: [1], removingReplicas: [], addingReplicas: [], directories: [] }));
    delta.replay(metadataRecord('Config', { resourceType: 4, resourceName: '', name: 'a', value: '1' }));
    expect(delta.topics.changedPartitions).toEqual(new Map([[topicId, new Set([0])]]));
    expect([...delta.configs]).toEqual([['4:', new Map([['a', '1']])]]);
    expect([delta.brokers.size, delta.features.size]).toEqual([0, 0]);
  });

  test('records that contradict the image are refused', () => {
    const refused = (record: MetadataRecord) => expect(() => replay([record])).toThrow(MalformedError);
    refused(metadataRecord('RemoveTopic', { topicId: topicIds[0]! }));
    refused(metadataRecord('PartitionChange', { partitionId: 0, topicId: topicIds[0]! }));
    refused(metadataRecord('FenceBroker', { id: 1, epoch: 1 }));
    refused(metadataRecord('ClearElr', { topicName: 'none' }));
  });

  test('keeps no settings that only older releases knew, but whatever a broker is given', () => {
    const config = (resourceType: number, name: string) => metadataRecord('Config', { resourceType, resourceName: 'x', name, value: '1' });
    const { configs } = replay([config(2, 'message.format.version'), config(2, 'retention.ms'), config(32, 'old'), config(16, 'old'), config(4, 'of.a.plugin')]);
    expect([...configs]).toEqual([[configKey(2, 'x'), new Map([['retention.ms', '1']])], [configKey(4, 'x'), new Map([['of.a.plugin', '1']])]]);
  });

  test('quota entities are one whatever the order of their parts', () => {
    const [user, client] = [{ type: 'user', name: 'u' }, { type: 'client-id', name: null }];
    expect(clientQuotaKey([user, client])).toBe(clientQuotaKey([client, user]));
  });
});

describe('snapshot', () => {
  const quorum = {
    kraftVersion: 1,
    voters: [{ voterId: 1, voterDirectoryId: topicIds[0]!, endpoints: [{ name: 'C', host: 'h', port: 9093 }], kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 } }],
  };
  const bytes = Buffer.concat([...snapshotBatches({ epoch: 3, lastContainedLogTimestampMs: 5, nowMs: 9, quorum, records: defaultBootstrap().records, metadataVersion: 30 })]);

  test('gives back its header, quorum and records', () => {
    expect(readSnapshot(bytes)).toMatchObject({ lastContainedLogTimestampMs: 5, quorum, records: defaultBootstrap().records });
  });

  test('cut short or damaged anywhere, it is refused', () => {
    for (let length = 0; length < bytes.length; length++) expect(() => checkSnapshot(bytes.subarray(0, length))).toThrow(MalformedError);
    for (let at = 17; at < 61; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      expect(() => checkSnapshot(damaged)).toThrow(MalformedError);
    }
  });

  test('a bootstrap file gives back its levels', () => {
    expect(readBootstrap(writeBootstrap(defaultBootstrap(), 1))).toEqual(defaultBootstrap());
  });
});

describe('features', () => {
  test('releases and names have their levels', () => {
    expect([metadataVersionOf('4.3-IV0'), metadataVersionOf('4.3'), metadataVersionOf('3.9'), metadataVersionOf('3.3'), metadataVersionOf('4.0.1')])
      .toEqual([30, 30, 21, 7, 25]);
    expect([metadataVersionOf('9.9'), metadataVersionOf('4.3-IV7'), metadataVersionOf('')]).toEqual([undefined, undefined, undefined]);
    expect([metadataVersionName(7), metadataVersionName(13), metadataVersionName(17), metadataVersionName(25), metadataVersionName(30)])
      .toEqual(['3.3-IV3', '3.6-IV1', '3.7-IV2', '4.0-IV3', '4.3-IV0']);
  });

  test('a fresh cluster gets what its metadata.version allows and what is served, no more', () => {
    for (const [name, level] of defaultFeatures()) expect(SUPPORTED_FEATURES.get(name)?.max).toBeGreaterThanOrEqual(level);
    expect([...defaultFeatures(20)]).toEqual([['metadata.version', 20]]);
    expect(defaultFeatures().get('kraft.version')).toBe(1);
    expect(defaultFeatures(25).has(FeatureName.ELIGIBLE_LEADER_REPLICAS_VERSION)).toBe(false);
  });

  test('a fresh cluster has nothing left to finalize, one that lacks a served feature has, one that declined it or chose a lower level has not', () => {
    const toFinalize = (finalized: ReadonlyMap<string, number>, declined: string[] = []) => [...featuresToFinalize({ finalized, declined: new Set(declined) })];
    const elr = FeatureName.ELIGIBLE_LEADER_REPLICAS_VERSION;
    const lacking = defaultFeatures();
    lacking.delete(elr);
    expect([toFinalize(defaultFeatures()), toFinalize(lacking), toFinalize(lacking, [elr]), toFinalize(new Map([['metadata.version', 20]]))]).toEqual([[], [[elr, 1]], [], []]);
    const lower = defaultFeatures().set(FeatureName.TRANSACTION_VERSION, 1);
    expect([toFinalize(lower), defaultFeatures().get(FeatureName.TRANSACTION_VERSION)]).toEqual([[], 2]);
    const { features } = replay([metadataRecord('FeatureLevel', { name: elr, featureLevel: 0 })]);
    expect([features.finalized.has(elr), features.declined.has(elr)]).toEqual([false, true]);
  });
});
