// Topics that are to be made, grown and dropped in no time, or in less.

import {
  createPartitionsApi, createTopicsApi, deleteTopicsApi, metadataApi, type CreateTopicsRequestCreatableTopicInput,
} from '../../../src/protocol/generated/index.js';
import { ZERO_UUID } from '../../../src/protocol/wire/types.js';
import type { Player } from '../player.js';
import { NO_SUCH_ID } from './topics.js';

const topic = (name: string): CreateTopicsRequestCreatableTopicInput => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] });

export async function deadlines(player: Player): Promise<void> {
  await player.topic('in-time');
  for (const timeoutMs of [0, -1]) {
    const within = `in ${timeoutMs} ms`;
    await player.ask(within, createTopicsApi, { topics: [topic('too-late'), topic('in-time'), topic('in valid')], timeoutMs });
    await player.ask(`validate only, ${within}`, createTopicsApi, { topics: [topic('too-late')], timeoutMs, validateOnly: true }, { from: 1 });
    await player.ask(`nothing, ${within}`, createTopicsApi, { topics: [], timeoutMs });
    await player.ask(`twice, ${within}`, createTopicsApi, { topics: [topic('too-late'), topic('too-late')], timeoutMs });
    await player.ask(within, createPartitionsApi, { topics: [{ name: 'in-time', count: 3, assignments: null }, { name: 'no-such', count: 3, assignments: null }], timeoutMs, validateOnly: false });
    await player.ask(`nothing, ${within}`, createPartitionsApi, { topics: [], timeoutMs, validateOnly: false });
    const drop = (label: string, names: string[]) => player.ask(`${label}, ${within}`, deleteTopicsApi, {
      topics: names.map(name => ({ name, topicId: ZERO_UUID })), topicNames: names, timeoutMs,
    });
    await drop('some', ['in-time', 'no-such']);
    await drop('nothing', []);
    await player.ask(`by id, ${within}`, deleteTopicsApi, { topics: [{ name: null, topicId: NO_SUCH_ID }], timeoutMs }, { from: 6 });
    await player.ask(`neither name nor id, ${within}`, deleteTopicsApi, { topics: [{ name: null, topicId: ZERO_UUID }], timeoutMs }, { from: 6 });
  }
  await player.ask('what was too late', metadataApi, { topics: [{ name: 'too-late' }, { name: 'in-time' }], allowAutoTopicCreation: false }, { from: 4 });
}
