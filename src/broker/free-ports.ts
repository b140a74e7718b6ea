import type { ListenerPlan } from '../config/index.js';
import type { Net } from '../env/index.js';

/**
 * Rejects, as listening would, when a port of the plan is taken. A start that ends for that is not to leave new data directories
 * behind; the real listeners come only once the directories are there.
 */
export async function mustBeFree(net: Net, { listeners }: ListenerPlan): Promise<void> {
  for (const { host, port } of listeners) {
    if (port === 0) continue;
    const listener = await net.listen({ host, port }, stream => stream.destroy());
    await listener.close();
  }
}
