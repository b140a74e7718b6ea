// What only a controller's own listener is asked in its own way.

import {
  apiVersionsApi, createPartitionsApi, createTopicsApi, deleteTopicsApi, describeClusterApi, describeConfigsApi, incrementalAlterConfigsApi,
} from '../../../src/protocol/generated/index.js';
import { ZERO_UUID } from '../../../src/protocol/wire/types.js';
import type { Player } from '../player.js';

const TIMEOUT_MS = 10_000;

export async function controllers(player: Player): Promise<void> {
  await player.ask('of a controller', apiVersionsApi, { clientSoftwareName: 'differential', clientSoftwareVersion: '1' });
  for (const endpointType of [1, 2, 3]) {
    await player.ask(`endpoint type ${endpointType}`, describeClusterApi, { includeClusterAuthorizedOperations: false, endpointType }, { from: 1 });
  }
  await player.ask('without a type', describeClusterApi, { includeClusterAuthorizedOperations: false }, { to: 0 });
  await player.ask('operations', describeClusterApi, { includeClusterAuthorizedOperations: true, endpointType: 2 }, { from: 1 });
  await player.ask('fenced too', describeClusterApi, { includeClusterAuthorizedOperations: false, endpointType: 2, includeFencedBrokers: true }, { from: 2 });
  await topics(player);
}

async function topics(player: Player): Promise<void> {
  const topic = (name: string) => ({ name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [{ name: 'retention.ms', value: '1000' }] });
  await player.ask('made by a controller', createTopicsApi, version => ({ topics: [topic(`made-${version}`), topic('in valid')], timeoutMs: TIMEOUT_MS }));
  const newest = player.newest(createTopicsApi.key);
  await player.untilServed(`made-${newest}`, 2);
  const name = `made-${newest}`;
  await player.ask('a topic\'s, told by a controller', describeConfigsApi, {
    resources: [{ resourceType: 2, resourceName: name, configurationKeys: ['retention.ms'] }], includeSynonyms: false, includeDocumentation: false,
  });
  await player.ask('grown by a controller', createPartitionsApi, version =>
    ({ topics: [{ name, count: 3 + version, assignments: null }, { name: 'no-such', count: 2, assignments: null }], timeoutMs: TIMEOUT_MS, validateOnly: false }));
  await player.ask('altered by a controller', incrementalAlterConfigsApi, {
    validateOnly: false, resources: [
      { resourceType: 2, resourceName: name, configs: [{ name: 'retention.ms', configOperation: 0, value: '2000' }] },
      { resourceType: 2, resourceName: 'no-such', configs: [{ name: 'retention.ms', configOperation: 0, value: '2000' }] },
    ],
  });
  await player.ask('dropped by a controller', deleteTopicsApi, version => {
    const names = [`made-${version + 1}`, 'no-such'];
    return { topics: names.map(given => ({ name: given, topicId: ZERO_UUID })), topicNames: names, timeoutMs: TIMEOUT_MS };
  });
}
