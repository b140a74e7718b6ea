/**
 * session: a member has to be heard of. rebalance: a member has to give back partitions. regex: regular expressions of a
 * consumer group are to be resolved. join: a rebalance ends without those who have not come. sync: members that joined
 * but never synced are dropped (in a consumer group each member of the classic protocol has its own of these two).
 * cleanup: expired offsets and forgotten groups are looked for, over the whole partition. topics: what is left of the offsets of deleted topics goes.
 */
export type TimerKind = 'session' | 'rebalance' | 'regex' | 'join' | 'sync' | 'cleanup' | 'topics';

export interface GroupTimer {
  readonly kind: TimerKind;
  readonly groupId: string;
  /** Empty where the timer is not a member's. */
  readonly memberId: string;
}

/** Group ids may hold any character, so the key says how long the id is. */
export function timerKey(kind: TimerKind, groupId = '', memberId = ''): string {
  return `${kind}:${groupId.length}:${groupId}${memberId}`;
}

export function parseTimerKey(key: string): GroupTimer {
  const [kind = '', length = ''] = key.split(':', 2);
  const start = kind.length + length.length + 2;
  const end = start + Number(length);
  return { kind: kind as TimerKind, groupId: key.slice(start, end), memberId: key.slice(end) };
}
