import { KafkaError } from '../../../protocol/errors.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { ClusterTopics } from '../cluster-topics.js';
import type { Step } from '../step.js';
import { timerKey } from '../timers.js';
import { growEpoch, metadataHash, notRefreshedUntil } from './group-epoch.js';
import type { ConsumerGroup, ResolvedRegex } from './group.js';
import type { ConsumerMember } from './member.js';
import { sameNames } from './member.js';
import { regexRecord, regexTombstone } from './records.js';
import { compileTopicRegex, requireTopicRegex } from './topic-regex.js';

/** How often regular expressions are resolved at the most. */
const MIN_REFRESH_INTERVAL_MS = 10_000;
/** Resolving is no part of the heartbeat that asks for it: the member hears of its topics with a later one. */
const RESOLVE_DELAY_MS = 0;

/** What a member's regular expression did: stayed, came without being resolved yet, or one with known topics came or went. */
export type RegexChange = 'same' | 'unresolved' | 'resolved';

/**
 * Takes note of a member's regular expression, and has those of the group resolved when that is due, all together, so that
 * the group is assigned anew only once.
 * @throws KafkaError INVALID_REGULAR_EXPRESSION for one that nobody in the group has and that is none.
 */
export function updateRegex(step: Step, group: ConsumerGroup, { subscribedTopicRegex: before }: ConsumerMember, { subscribedTopicRegex: after }: ConsumerMember): RegexChange {
  const { subscriptions, resolvedRegexes } = group;
  const isChanged = before !== after;
  const isNew = isChanged && after !== '' && subscriptions.subscribersOf(after) === 0;
  const isForgotten = isChanged && before !== '' && subscriptions.subscribersOf(before) === 1;
  if (isForgotten) step.append(regexTombstone(group.groupId, before));
  if (isNew) refuseInvalid(after);
  const wanted = subscriptions.regexes.size + (isNew ? 1 : 0) - (isForgotten ? 1 : 0);
  if (isResolvingDue(step, group, wanted, isNew)) step.setTimer(timerKey('regex', group.groupId), RESOLVE_DELAY_MS);
  if (!isChanged) return 'same';
  return after === '' || resolvedRegexes.has(after) ? 'resolved' : 'unresolved';
}

function refuseInvalid(regex: string): void {
  try {
    requireTopicRegex(regex);
  } catch (error) {
    throw new KafkaError(ErrorCode.INVALID_REGULAR_EXPRESSION,
      `SubscribedTopicRegex \`${regex}\` is not a valid regular expression: ${(error as Error).message}.`);
  }
}

function isResolvingDue({ at, settings, newTopicsVersion }: Step, { resolvedRegexes }: ConsumerGroup, wanted: number, isNew: boolean): boolean {
  if (wanted === 0) return false;
  const [last] = resolvedRegexes.values();
  if (last === undefined) return true;
  const agoMs = at.nowMs - last.timestampMs;
  if (agoMs <= MIN_REFRESH_INTERVAL_MS) return false;
  return isNew || wanted !== resolvedRegexes.size || last.version < newTopicsVersion || agoMs > settings.consumer.regexRefreshIntervalMs;
}

/** Holds the group's regular expressions against all topics (Kafka's `TopicRegexResolver`), and records what came of it. */
export function resolveRegexes(step: Step, group: ConsumerGroup): void {
  const subscriptions = group.subscriptions.copy();
  let grows = false;
  for (const regex of group.subscriptions.regexes.keys()) {
    const resolved = resolve(regex, step.cluster, step.at.nowMs);
    const before = group.resolvedRegexes.get(regex)?.topics ?? new Set();
    if (!sameNames(before, resolved.topics)) grows = true;
    subscriptions.resolve(before, resolved.topics);
    step.append(regexRecord(group.groupId, regex, resolved));
  }
  const hash = metadataHash(subscriptions, step.cluster);
  if (grows || hash !== group.metadataHash) notRefreshedUntil(step, group, growEpoch(step, group, hash));
}

/** What was no regular expression after all stands for nothing. */
function resolve(regex: string, cluster: ClusterTopics, timestampMs: number): ResolvedRegex {
  const topics = new Set<string>();
  for (const name of matching(regex, cluster.names())) topics.add(name);
  return { topics, version: cluster.version, timestampMs };
}

function* matching(regex: string, names: Iterable<string>): Generator<string> {
  let matches: (topic: string) => boolean;
  try {
    matches = compileTopicRegex(regex);
  } catch {
    return;
  }
  for (const name of names) if (matches(name)) yield name;
}
