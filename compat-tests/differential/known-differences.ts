// Where Ottla's answers differ from Apache Kafka's, and why. The test holds us to it both ways: a difference that is not
// here fails it, and so does an entry that nothing differs by any more.

import type { KnownDifference } from '../lockstep/known-difference.js';

/** Advertised by Apache Kafka 4.3.1, not served by us yet. */
const NOT_SERVED = [
  76, 77, 78, 79, 83, 84, 85,
  86, 87, 88, 89, 90, 91, 92,
];
/** Served in versions that Apache Kafka 4 gave up, for clients of its own past. */
const SERVED_OLDER = [2, 8, 9, 19, 20, 23, 29, 30, 31, 32, 35, 38, 39, 40, 41];
/** Supported and finalized only once the coordinators behind them are served. */
const NOT_FINALIZED = ['share.version', 'streams.version'];
/** A local start has its own defaults for these. */
const LOCAL_DEFAULTS = ['auto.create.topics.enable', 'metadata.max.idle.interval.ms'];
/** Where a broker's data are and how it is reached. */
const OWN_PLACES = ['listeners', 'log.dirs', 'controller.quorum.bootstrap.servers'];

const escaped = (text: string): string => text.replaceAll('.', '\\.');
/** Where a setting's value is told, and where it is from. */
const valueOf = (name: string): RegExp => new RegExp(`\\.configs\\[${escaped(name)}\\]\\.(?:value|configSource|synonyms\\[.*)$`);

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  ...NOT_SERVED.map((key): KnownDifference => (
    { asked: /^ApiVersions /, at: new RegExp(`^\\.apiKeys\\[${key}\\]$`), ottla: '<absent>', reason: `API ${key} is not served yet` })),
  ...SERVED_OLDER.map((key): KnownDifference => (
    { asked: /^ApiVersions /, at: new RegExp(`^\\.apiKeys\\[${key}\\]\\.minVersion$`), ottla: 0, reason: `older versions of API ${key} are served too` })),
  ...NOT_FINALIZED.map((feature): KnownDifference => (
    { asked: /^ApiVersions /, at: new RegExp(`^\\.(?:supported|finalized)Features\\[${escaped(feature)}\\]$`), ottla: '<absent>', reason: `${feature} is not served yet` })),
  ...LOCAL_DEFAULTS.map((name): KnownDifference => (
    { asked: /^DescribeConfigs .*the broker$/, at: valueOf(name), reason: `${name} has a default of its own for a local start` })),
  ...OWN_PLACES.map((name): KnownDifference => (
    { asked: /^DescribeConfigs .*the broker$/, at: valueOf(name), reason: `${name} is each broker's own` })),
  {
    asked: /^Produce /, at: /\.errorMessage$/, apache: null, ottla: '<words>',
    reason: 'we say in words what is wrong with a batch where Apache gives the code alone',
  },
  {
    asked: /^Produce .*: (?:compressed|snappy|lz4), not so$/, at: /\.errorCode$/, apache: -1, ottla: 87,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over records that cannot be decompressed; INVALID_RECORD says whose fault it is',
  },
  {
    asked: /^Produce .*: codec [57]$/, at: /\.errorCode$/, apache: -1, ottla: 76,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over a codec that does not exist; UNSUPPORTED_COMPRESSION_TYPE says what is wrong',
  },
  {
    asked: /^Produce v[56]: codec [57]$/, at: /\.logStartOffset$/, apache: -1, ottla: 0,
    reason: 'Apache stumbles over the codec before it looks at the log in these versions; we refuse it in one place',
  },
  {
    asked: /^Produce .*: a partition twice$/, at: /\.partitionResponses\[3(?:\+\]|\]\.baseOffset)$/,
    reason: 'Apache keeps the last batch for a partition and drops the others without a word; we append and answer each',
  },
  {
    asked: /^Fetch .*: (?:a batch and some|several, a little of all)$/, at: /\.records$/,
    reason: 'we send whole batches only: readers throw the torn end of one away',
  },
  {
    asked: /^Fetch .*: negative bytes of (?:a partition|all)$/, at: /^\.responses\[.*\.(?:errorCode|highWatermark|lastStableOffset|logStartOffset|records)$/,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over a negative size; we take it for no room, and give the first batch all the same',
  },
  {
    asked: /^(?:Fetch|ListOffsets) .*: isolation level \d$/, at: /\.errorCode$/, apache: -1, ottla: 42,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over an isolation level that does not exist; we answer INVALID_REQUEST',
  },
  {
    asked: /^Fetch .*: isolation level \d$/, at: /^\.responses\[ 0\]$/, apache: '<absent>',
    reason: 'of what Apache could not answer it names no partition; we name each with the error',
  },
  {
    asked: /^WriteTxnMarkers .*: producer (?:epoch )?-1$/, at: /\.errorCode$/, apache: -1, ottla: 42,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over a marker of no producer; we answer INVALID_REQUEST',
  },
  {
    asked: /^Metadata .*: auto-creation$/, at: /^\.topics\[auto-\d+\]\.errorCode$/, apache: 3, ottla: 0,
    reason: 'Apache answers before the topic is there and lets clients ask again; our answer has it, with leaders that serve',
  },
  {
    asked: /^Metadata .*: auto-creation$/, at: /^\.topics\[auto-\d+\]\.partitions\[0\]$/, apache: '<absent>',
    reason: 'the partitions of a topic that Apache is about to make',
  },
  {
    asked: /^Metadata .*: auto-creation$/, at: /^\.topics\[auto-\d+\]\.topicId$/, apache: 'AAAAAAAAAAAAAAAAAAAAAA', ottla: '<topicId>',
    reason: 'the id of a topic that Apache is about to make',
  },
  {
    asked: /^Metadata .*: auto-creation of a name that collides$/, at: /\.errorCode$/, apache: 3, ottla: 17,
    reason: 'Apache never says why the topic does not come; we answer what its creation failed with',
  },
  {
    asked: /^Metadata .*: neither name nor id$/, at: /\.errorCode$/, apache: -1, ottla: 42,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over a topic without name and id; we answer INVALID_REQUEST',
  },
  {
    asked: /^DescribeTopicPartitions .*: no name$/, at: /^\.topics\[\]\.(?:errorCode|topicAuthorizedOperations)$/,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over an empty name; we answer INVALID_TOPIC_EXCEPTION, as for any bad one',
  },
  {
    asked: /^CreateTopics .*: two that collide$/, at: /^\.topics\[two[._]\d\]\.errorCode$/, apache: 0, ottla: 17,
    reason: 'Apache holds new names against existing ones only, and lets two in one request collide; we refuse both',
  },
  {
    asked: /^CreateTopics .*: two that collide$/, at: /^\.topics\[two[._]\d\]\.(?:errorMessage|topicId|numPartitions|replicationFactor|configs\[[^\]]*\])$/,
    reason: 'what is told of topics that Apache made and we refused',
  },
  {
    asked: /^CreatePartitions .*: too many$/, at: /^\.results\[grow\]\.error(?:Code|Message)$/,
    reason: 'Apache\'s controller fails with UNKNOWN_SERVER_ERROR over its bounded list; we answer POLICY_VIOLATION as it does for CreateTopics',
  },
  {
    asked: /^AddRaftVoter .*: a voter that nobody reaches$/, at: /\.errorMessage$/,
    reason: 'nobody fetches from our quorum, so that a node that would join is never caught up; it is not even called',
  },
  {
    asked: /^DescribeLogDirs .*: all topics$/, at: /\[(?:p-zstd|produce)\].*\.partitionSize$/,
    reason: 'zstd packs a little differently, and what Apache drops of a partition that is given twice is in our log',
  },
  {
    asked: /^connection .*: an array of negative length that may be null$/, at: /^$/, apache: 'answers', ottla: 'hangs up',
    reason: 'Apache takes any negative length for null; we take -1 for null and the rest for a malformed request',
  },
  {
    asked: /^CreateDelegationToken .*: for null x$/, at: /\.errorCode$/, apache: -1, ottla: 42,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over an owner without a type; we answer INVALID_REQUEST',
  },
  {
    asked: /^AlterUserScramCredentials .*: without salt and password$/, at: /\[empty\]\.error/,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over an empty salted password; we answer UNACCEPTABLE_CREDENTIAL',
  },
  {
    asked: /^IncrementalAlterConfigs .*: an operation nobody knows$/, at: /\.error(?:Code|Message)$/,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over an operation that does not exist; we answer INVALID_REQUEST',
  },
  {
    asked: /^(?:DescribeConfigs .*: loggers|the root, as described)$/, at: /\.configs\[root\]\.value$/,
    reason: 'each broker\'s log begins at a level of its own',
  },
  {
    asked: /^changing (?:process\.roles|controller\.listener\.names) of 4:1?$/, at: /^\.[23] /, apache: '-1 null',
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over adding to a list that has no default; we answer as over setting it',
  },
  {
    asked: /^Heartbeat v4: static too early: the other$/, at: /^\.errorCode$/, apache: 0, ottla: 27,
    reason: 'a consumer group that becomes classic while a member has not got its part is stable to Apache, so that two members may work on one ' +
      'partition and nobody on another; ours rebalances',
  },
  {
    asked: /^logger: an operation that is none$/, at: /^$/, apache: '-1 null',
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over an operation that does not exist; we answer INVALID_REQUEST',
  },
];

/** What other nodes ask of a controller: voters, brokers that register, and those that forward. */
const BETWEEN_NODES = [1, 52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 82];

/** On a controller's own listener, besides the others. */
export const KNOWN_AT_CONTROLLER: readonly KnownDifference[] = BETWEEN_NODES.map(key => (
  { asked: /^ApiVersions .*: of a controller$/, at: new RegExp(`^\\.apiKeys\\[${key}\\]$`), ottla: '<absent>', reason: `API ${key} is between nodes, and there is one only` }));
