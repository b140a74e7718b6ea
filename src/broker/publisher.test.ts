import { expect, test } from '@jest/globals';
import { loadSettings } from '../config/index.js';
import { MemoryDisk } from '../env/memory/memory-disk.js';
import { NodeRandom, silentLogger } from '../env/node/index.js';
import { openLogManager } from '../log/index.js';
import { ManualClock, SETTINGS } from '../log/test-support.js';
import { ImageBuilder } from '../metadata/image-builder.js';
import { EMPTY_IMAGE } from '../metadata/image.js';
import { metadataRecord, type MetadataRecord } from '../metadata/records.js';
import { ConfigResourceType } from '../metadata/types.js';
import { Partition, ReplicaManager } from '../replication/index.js';
import { Publisher } from './publisher.js';

const OLD_ID = 'AAAAAAAAQACAAAAAAAAAAQ';
const NEW_ID = 'AAAAAAAAQACAAAAAAAAAAg';

const create = (topicId: string): MetadataRecord[] => [
  metadataRecord('Topic', { name: 't', topicId }),
  metadataRecord('Partition', {
    partitionId: 0, topicId, replicas: [1], isr: [1], removingReplicas: [], addingReplicas: [], leader: 1, leaderEpoch: 0, partitionEpoch: 0, directories: [],
  }),
];

test('a topic that is deleted and made anew within one image is served under its new id, with its new settings', async () => {
  const clock = new ManualClock();
  const env = { disk: new MemoryDisk(() => clock.nowMs()), clock, random: new NodeRandom(), logger: silentLogger };
  const logs = await openLogManager({ env, directories: ['/data'], clusterId: 'c', nodeId: 1, defaultSettings: SETTINGS });
  await logs.load();
  const { settings } = loadSettings({ dataDirectory: '/data', flags: [] });
  const publisher = new Publisher({ brokerId: 1, settings, clock, logger: silentLogger });
  const replicas = new ReplicaManager({ localId: 1, logManager: logs, logger: silentLogger, settingsOf: topic => publisher.logSettingsOf(topic) });
  const gone: string[] = [];
  const listener = { topicsDeleted: (topics: readonly { id: string }[]) => { gone.push(...topics.map(({ id }) => id)); }, topicsChanged() {}, settingsChanged() {} };
  publisher.attach(replicas, listener);
  const builder = new ImageBuilder(EMPTY_IMAGE);
  let offset = 0;
  const publish = (...records: MetadataRecord[]): void => {
    for (const record of records) builder.replay(record, offset++, 1);
    const { image, delta } = builder.advance();
    publisher.onImage(image, delta);
  };

  publish(...create(OLD_ID));
  const setting = metadataRecord('Config', { resourceType: ConfigResourceType.TOPIC, resourceName: 't', name: 'max.message.bytes', value: '4321' });
  publish(metadataRecord('RemoveTopic', { topicId: OLD_ID }), ...create(NEW_ID), setting);
  const partition = replicas.findLeader(NEW_ID, 0);
  expect(partition).toBeInstanceOf(Partition);
  expect((partition as Partition).log.settings.maxMessageBytes).toBe(4321);
  expect(gone).toEqual([OLD_ID]);
  logs.abandon();
});
