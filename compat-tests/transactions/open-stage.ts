// The stage that transactions are played on: what the brokers are told, and when they are ready.

import { apiVersionsApi, describeTransactionsApi, findCoordinatorApi, initProducerIdApi, updateFeaturesApi } from '../../src/protocol/generated/index.js';
import type { Player } from '../differential/player.js';
import { Stage } from '../lockstep/stage.js';
import { KNOWN_DIFFERENCES } from './known-differences.js';
import { MAX_TIMEOUT_MS } from './script.js';

const SETTINGS = {
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.num.partitions': '1',
  // A machine that is busy is no dead one.
  'broker.session.timeout.ms': '30000',
  'transaction.max.timeout.ms': String(MAX_TIMEOUT_MS),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '100',
};
const TRANSACTIONAL_ID_NOT_FOUND = 105;
const [UPGRADE, UNSAFE_DOWNGRADE] = [1, 3];
const NEWEST_LEVEL = 2;
/** The first that tells finalized features. */
const API_VERSIONS = 3;

export const TRANSACTION_VERSION = 'transaction.version';

export const openStage = (): Stage => new Stage(SETTINGS, {}, KNOWN_DIFFERENCES, transactionsServed);

/** Waits for a transaction coordinator that has read its log and has ids to give; the first of these, 0, is nobody's. */
async function transactionsServed(player: Player): Promise<void> {
  await player.until('coordinators of transactions', async () => {
    const { coordinators } = await player.quietly(findCoordinatorApi, { coordinatorKeys: ['t'], keyType: 1 });
    return coordinators[0]!.errorCode === 0;
  });
  await player.until('transactions that are loaded', async () => {
    const { transactionStates } = await player.quietly(describeTransactionsApi, { transactionalIds: ['t'] });
    return transactionStates[0]!.errorCode === TRANSACTIONAL_ID_NOT_FOUND;
  });
  await player.until('ids for producers', async () => {
    const { errorCode } = await player.quietly(initProducerIdApi, { transactionalId: null, transactionTimeoutMs: 1000 });
    return errorCode === 0;
  });
}

/** Has both brokers finalize that level, and waits until they act by it. */
export async function useVersion(stage: Stage, maxVersionLevel: number): Promise<void> {
  await stage.each(async player => {
    const update = { feature: TRANSACTION_VERSION, maxVersionLevel, upgradeType: maxVersionLevel === NEWEST_LEVEL ? UPGRADE : UNSAFE_DOWNGRADE };
    const { results, errorCode } = await player.quietly(updateFeaturesApi, { timeoutMs: 10_000, featureUpdates: [update] });
    const failed = [errorCode, ...results.map(result => result.errorCode)].find(code => code !== 0);
    if (failed !== undefined) throw new Error(`${TRANSACTION_VERSION} ${maxVersionLevel}: error ${failed}`);
    await player.until(`${TRANSACTION_VERSION} ${maxVersionLevel}`, async () => {
      const { finalizedFeatures } = await player.quietly(apiVersionsApi, { clientSoftwareName: 'differential', clientSoftwareVersion: '1' }, API_VERSIONS);
      return (finalizedFeatures.find(({ name }) => name === TRANSACTION_VERSION)?.maxVersionLevel ?? 0) === maxVersionLevel;
    });
  });
}
