import type { ControllerApi } from '../controller/index.js';
import type { Cancel, Clock, Logger } from '../env/index.js';
import { MetadataVersionGate } from '../metadata/features.js';
import type { MetadataImage } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import type { AssignReplicasToDirsRequestInput, AssignReplicasToDirsResponseInput } from '../protocol/generated/assign-replicas-to-dirs.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Uuid } from '../protocol/wire/types.js';

export interface DirectoryAssignmentsOptions {
  readonly controller: Pick<ControllerApi, 'assignReplicasToDirs'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly brokerId: number;
  readonly brokerEpoch: () => number;
  readonly image: () => MetadataImage;
}

interface Assignment {
  readonly topicId: Uuid;
  readonly index: number;
  readonly directoryId: Uuid;
  readonly accepted: () => void;
}

/** Requests wait this long for company; after failures twice as long each time, up to the longest. */
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;
const MOST_PER_REQUEST = 2250;

/**
 * Tells the controller in which directory each replica lies (KIP-858, Kafka's `AssignmentsManager`): many in one request, one
 * request at a time, each assignment until it is accepted, is overtaken by a later one, or has lost its partition.
 */
export class DirectoryAssignments {
  /** By topic id and partition: the latest word counts. */
  readonly #ready = new Map<string, Assignment>();
  #inFlight: ReadonlyMap<string, Assignment> = new Map();
  #failures = 0;
  #cancelNext: Cancel | undefined;
  #closed = false;

  constructor(private readonly options: DirectoryAssignmentsOptions) {}

  /** `accepted` is called when the controller has taken the assignment; not when a later one for the same replica came first. */
  assign(topicId: Uuid, index: number, directoryId: Uuid, accepted: () => void = () => {}): void {
    if (this.options.image().features.metadataVersion < MetadataVersionGate.DIRECTORY_ASSIGNMENT) {
      // Nobody keeps account of directories yet.
      accepted();
      return;
    }
    this.#ready.set(keyOf(topicId, index), { topicId, index, directoryId, accepted });
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#cancelNext?.();
  }

  #schedule(): void {
    if (this.#closed || this.#cancelNext !== undefined || this.#inFlight.size > 0 || this.#ready.size === 0) return;
    const isFull = this.#ready.size > MOST_PER_REQUEST && this.#failures === 0;
    const delayMs = isFull ? 0 : Math.min(FIRST_DELAY_MS * 2 ** this.#failures, LONGEST_DELAY_MS);
    this.#cancelNext = this.options.clock.after(delayMs, () => {
      this.#cancelNext = undefined;
      void this.#send();
    });
  }

  async #send(): Promise<void> {
    const { controller, logger, brokerId, brokerEpoch } = this.options;
    const sent = this.#inFlight = this.#take();
    let response: AssignReplicasToDirsResponseInput | undefined;
    try {
      if (sent.size > 0) response = await controller.assignReplicasToDirs({ brokerId, brokerEpoch: brokerEpoch(), directories: byDirectory(sent) });
      if (response?.errorCode) throw new KafkaError(response.errorCode);
      this.#failures = 0;
    } catch (error) {
      this.#failures++;
      response = undefined;
      logger.warn('the controller did not take the directories of replicas; it is asked again', { replicas: sent.size, error });
    }
    this.#inFlight = new Map();
    if (!this.#closed) this.#settle(sent, response);
    this.#schedule();
  }

  /** What may be sent now; what has lost its partition is dropped. */
  #take(): Map<string, Assignment> {
    const { image, brokerId } = this.options;
    const { topicsById } = image();
    const taken = new Map<string, Assignment>();
    for (const [key, assignment] of this.#ready) {
      if (taken.size >= MOST_PER_REQUEST) break;
      this.#ready.delete(key);
      if (topicsById.get(assignment.topicId)?.partitions[assignment.index]?.replicas.includes(brokerId)) taken.set(key, assignment);
    }
    return taken;
  }

  #settle(sent: Map<string, Assignment>, response: AssignReplicasToDirsResponseInput | undefined): void {
    for (const { topics = [] } of response?.directories ?? []) {
      for (const { topicId = '', partitions = [] } of topics) {
        for (const { partitionIndex = -1, errorCode } of partitions) {
          const key = keyOf(topicId, partitionIndex);
          const assignment = sent.get(key);
          if (errorCode !== ErrorCode.NONE || assignment === undefined) continue;
          sent.delete(key);
          if (!this.#ready.has(key)) assignment.accepted();
        }
      }
    }
    for (const [key, assignment] of sent) if (!this.#ready.has(key)) this.#ready.set(key, assignment);
  }
}

const keyOf = (topicId: Uuid, index: number): string => `${topicId}-${index}`;

function byDirectory(assignments: ReadonlyMap<string, Assignment>): AssignReplicasToDirsRequestInput['directories'] {
  const directories = new Map<Uuid, Map<Uuid, { partitionIndex: number }[]>>();
  for (const { topicId, index, directoryId } of assignments.values()) {
    const topics = directories.get(directoryId) ?? new Map<Uuid, { partitionIndex: number }[]>();
    directories.set(directoryId, topics);
    const partitions = topics.get(topicId) ?? [];
    topics.set(topicId, partitions);
    partitions.push({ partitionIndex: index });
  }
  return [...directories].map(([id, topics]) => ({ id, topics: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })) }));
}
