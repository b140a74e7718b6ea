/**
 * What comes of a fault when a broker starts. gone: it is mended, and not found again. stays: it is found again. aside: what has it
 * is served no more. refused: there is no start. open: other things decide, which the text names.
 */
export type Outcome = 'gone' | 'stays' | 'aside' | 'refused' | 'open';

/** What the text of some kinds needs. */
interface Details {
  /** Of `cut` and `begunAnew`: where the log ends, or begins, from then on. */
  readonly offset?: number;
  /** Of `cut`: the bytes that go, unless it is whole segments. */
  readonly lostBytes?: number;
}

export interface Remedy extends Details {
  readonly kind: RemedyKind;
}

/**
 * What a start does about faults, by kind. Each is held against a start in `cli/log-verify.test.ts`: who changes what a start does
 * with a log (`recovery.ts`, `manager/load-directory.ts`) changes it here.
 */
const REMEDIES = {
  removed: ['gone', 'it is removed'],
  removedLater: ['gone', 'it is removed after file.delete.delay.ms'],
  cleanedAgain: ['gone', 'it is removed, and the log is compacted again'],
  swappedIn: ['gone', 'it takes the place of the segments that it stands for'],
  rebuilt: ['gone', 'it is made anew from the batches'],
  learned: ['gone', 'the batches are read, and tell it again'],
  forgotten: ['gone', 'it is forgotten'],
  zerosCut: ['gone', 'they are cut off'],
  cut: ['gone', ({ offset, lostBytes }: Details) =>
    `the log is cut at offset ${offset}${lostBytes === undefined ? ', and all later segments are removed' : `: ${lostBytes} bytes go`}`],
  cutToo: ['gone', 'it goes with the end of the log, which is cut before it'],
  refused: ['stays', 'nothing is changed, and the partition is offline: have Apache Kafka serve it, or delete its topic'],
  begunAnew: ['gone', ({ offset }: Details) => `all segments are dropped, and the log begins anew at ${offset}`],
  droppedToo: ['gone', 'it goes with all segments'],
  begunEmpty: ['gone', 'it begins anew, empty, at offset 0: put its directory back before, if it can be had'],
  endOfLog: ['gone', 'it becomes the end of the log'],
  leftOut: ['gone', 'it is left out, and all logs are checked'],
  countsAsNone: ['gone', 'it counts as none'],
  compactedAnew: ['gone', 'compaction begins from the start of each log'],
  overlapServed: ['stays', 'nothing; reads of those offsets find the later segment'],
  gapServed: ['stays', 'nothing; reads go on after the gap'],
  batchServed: ['stays', 'nothing; who reads it gets it as it is'],
  readsEnd: ['stays', 'nothing, since it was vouched for; reads end here'],
  harmless: ['stays', 'nothing'],
  replayedInPart: ['stays', 'nothing; the state of its producer is made as far as it goes'],
  indexVouchedFor: ['stays', 'nothing, since it was vouched for; remove the .index, and all indexes of the segment are made anew'],
  timesRead: ['stays', 'nothing; look-ups by time read the batches instead'],
  abortsVouchedFor: ['stays', 'nothing, since it was vouched for; readers of committed records are told wrong'],
  roomKept: ['stays', 'nothing; Apache Kafka takes the zeros for entries'],
  snapshotBelieved: ['stays', 'nothing, since it is believed; remove the file, and the batches tell it again'],
  snapshotUnread: ['stays', 'nothing, as long as a newer one can be read'],
  rebuiltAlike: ['stays', 'it is made anew from what comes before it, which is wrong too, and says the same'],
  contradictionLeft: ['stays', 'the entries that it contradicts count as none; the file is written anew with the next epoch'],
  epochsVouchedFor: ['stays', 'nothing; followers may be told to cut their logs in the wrong place'],
  leftAlone: ['stays', 'Ottla leaves it alone; Apache Kafka does not start'],
  keptAside: ['stays', 'it stays; remove it by hand once nobody needs it'],
  setAside: ['aside', 'it is set aside as stray, and never removed'],
  unusedRemoved: ['aside', 'it is removed after file.delete.delay.ms, since nothing was ever written to it'],
  lookedUpByName: ['aside', 'Ottla gives an empty log to the topic of its name, or removes it where there is none, and sets one with records aside; Apache Kafka sets either aside'],
  ownerMissing: ['refused', 'the broker does not start: put the file back, or write it anew with the directory.id that dump-log --records finds in the metadata log'],
  notStarted: ['refused', 'the broker does not start'],
  notStartedTwice: ['refused', 'a broker with both does not start'],
  copyGoesOn: ['open', 'the copy goes on, takes the place of a log that is not here any more, or is removed when nobody wants it'],
  otherLifeAside: ['open', 'the one that the cluster does not know is set aside as stray'],
  directoryOffline: ['open', 'the whole log directory is taken out of service'],
  metadataMissing: ['open', 'a broker with no other directory does not start (with controller.quorum.voters it sets all partitions aside); '
    + 'where the log is in another one, nothing: name all of them to have this looked at'],
  readAgain: ['open', 'nothing'],
  metadataRemoved: ['open', 'it is removed'],
  metadataUnread: ['open', 'the node cannot read its metadata: an older snapshot with the whole log after it would do'],
  voteUnknown: ['open', 'the node does not start, since it may have voted already'],
} as const satisfies Readonly<Record<string, readonly [Outcome, string | ((details: Details) => string)]>>;

export type RemedyKind = keyof typeof REMEDIES;

export const outcomeOf = ({ kind }: Remedy): Outcome => REMEDIES[kind][0];

/** In words. */
export function atStart(remedy: Remedy): string {
  const text = REMEDIES[remedy.kind][1];
  return typeof text === 'string' ? text : text(remedy);
}
