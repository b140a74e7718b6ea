import type { ControllerApi } from '../controller/index.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { int64ToNumber } from '../protocol/wire/types.js';

/** Ids for idempotent producers, from blocks that the controller hands out, so that no two brokers ever give the same. */
export class ProducerIds {
  #next = 0;
  #end = 0;
  #fetching: Promise<void> | undefined;

  constructor(
    private readonly controller: Pick<ControllerApi, 'allocateProducerIds'>,
    private readonly brokerId: number,
    private readonly brokerEpoch: () => number,
  ) {}

  async next(): Promise<number> {
    while (this.#next >= this.#end) await (this.#fetching ??= this.#fetchBlock().finally(() => { this.#fetching = undefined; }));
    return this.#next++;
  }

  async #fetchBlock(): Promise<void> {
    const { errorCode = ErrorCode.NONE, producerIdStart, producerIdLen } = await this.controller.allocateProducerIds({
      brokerId: this.brokerId, brokerEpoch: this.brokerEpoch(),
    });
    if (errorCode !== ErrorCode.NONE) throw new KafkaError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, 'no producer ids to be had now');
    this.#next = int64ToNumber(producerIdStart);
    this.#end = this.#next + producerIdLen;
  }
}
