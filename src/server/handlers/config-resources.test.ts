import { expect, test } from '@jest/globals';
import { EMPTY_IMAGE } from '../../metadata/image.js';
import type { BrokerImage, MetadataImage } from '../../metadata/types.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { listConfigResourcesApi } from '../../protocol/generated/list-config-resources.js';
import { allowAll } from '../authorizer.js';
import type { Authorizer } from '../context.js';
import { configResourceApis } from './config-resources.js';
import { callApi } from './testing/call-api.js';

const TOPIC = 2;
const BROKER = 4;
const LOGGER = 8;
const METRICS = 16;
const GROUP = 32;

function broker(id: number, ...listeners: string[]): BrokerImage {
  return {
    id, epoch: 1, incarnationId: '', features: new Map(), rack: null, fenced: false, inControlledShutdown: false, logDirs: [], cordonedLogDirs: [],
    endpoints: listeners.map(listener => ({ listener, host: 'h', port: 1, securityProtocol: 0 })),
  };
}

const set = new Map([['a', 'b']]);
const IMAGE: MetadataImage = {
  ...EMPTY_IMAGE,
  brokers: new Map([[1, broker(1, 'PLAINTEXT')], [2, broker(2, 'INTERNAL', 'PLAINTEXT')], [3, broker(3, 'INTERNAL')]]),
  topicsByName: new Map([['t', { name: 't', id: 'AAAAAAAAAAAAAAAAAAAAAQ', partitions: [] }]]),
  configs: new Map([[`${METRICS}:m`, set], [`${GROUP}:g`, set], [`${TOPIC}:gone`, set], [`${BROKER}:9`, set], [`${GROUP}:g:2`, set]]),
};

async function list(types: number[], version = 1, authorizer: Authorizer = allowAll) {
  const request = version === 0 ? {} : { resourceTypes: types };
  const { errorCode, configResources } = await callApi(configResourceApis({ authorizer, image: () => IMAGE }), listConfigResourcesApi, version, request);
  return errorCode === ErrorCode.NONE ? configResources.map(({ resourceType, resourceName }) => `${resourceType} ${resourceName}`) : errorCode;
}

test('every type that is asked for is listed once, in one order', async () => {
  const all = ['32 g', '32 g:2', '16 m', '8 1', '8 2', '4 1', '4 2', '2 t'];
  expect(await list([])).toEqual(all);
  expect(await list([TOPIC, BROKER, LOGGER, METRICS, GROUP, TOPIC])).toEqual(all);
  expect(await list([METRICS, METRICS])).toEqual(['16 m']);
});

test('version 0 lists client metrics', async () => {
  expect(await list([], 0)).toEqual(['16 m']);
});

test('a type that cannot be listed, and somebody who may not, get nothing', async () => {
  expect(await list([METRICS, 3])).toBe(ErrorCode.UNSUPPORTED_VERSION);
  expect(await list([], 1, { allows: () => false })).toBe(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
});
