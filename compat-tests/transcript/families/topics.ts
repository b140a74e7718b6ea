import { found, lines, step, titled, type Earlier, type Family } from '../step.js';

const idOf = (earlier: Earlier, topic: string): string => found(earlier(`topics {b} --describe --topic ${topic}`), /TopicId: (\S+)/);

export const topics: Family = {
  name: 'topics',
  steps: [
    ...lines(`
      topics
      topics {b}
      topics --version
      topics --list
      topics {b} --list --create --topic both
      topics {b} --list
      topics {b} --list --exclude-internal
      topics {b} --describe
      topics {b} --create
      topics {b} --create --topic plain
      topics {b} --describe --topic plain
    `),
    step('topics {b} --create --topic plain'),
    ...lines(`
      topics {b} --create --topic plain --if-not-exists
      topics {b} --create --topic three --partitions 3 --replication-factor 1
      topics {b} --create --topic with.period
      topics {b} --create --topic with_period
      topics {b} --create --topic assigned --replica-assignment 1,1
      topics {b} --describe --topic assigned
      topics {b} --create --topic configured --config cleanup.policy=compact --config retention.ms=1000 --config min.insync.replicas=1
      topics {b} --describe --topic configured
      topics {b} --create --topic compacted --partitions 2 --config cleanup.policy=compact,delete --config compression.type=zstd --config segment.bytes=1048576
      topics {b} --describe --topic compacted
      topics {b} --describe --topics-with-overrides
      topics {b} --list --topic nobody
      topics {b} --list --topic three
      topics {b} --list --topic 'with.*|plain'
      topics {b} --describe --topic 'with.*|plain'
    `),
    titled('by its id', earlier => `topics {b} --describe --topic-id ${idOf(earlier, 'plain')}`),
    ...lines(`
      topics {b} --describe --topic-id AAAAAAAAAAAAAAAAAAAAAQ
      topics {b} --describe --topic-id AAAAAAAAAAAAAAAAAAAAAA
      topics {b} --describe --topic-id bWrongId
      topics {b} --describe --topic-id hq5sL7rGT8WmNyT2vCw0aQ --if-exists
      topics {b} --describe --if-exists
      topics {b} --describe --topic nobody
      topics {b} --describe --topic nobody --if-exists
      topics {b} --describe --topic three --partition-size-limit-per-response 2
      topics {b} --describe --topic three --partition-size-limit-per-response 0
      topics {b} --describe --under-replicated-partitions
      topics {b} --describe --unavailable-partitions
      topics {b} --describe --under-min-isr-partitions
      topics {b} --describe --at-min-isr-partitions
      topics {b} --describe --at-min-isr-partitions --topic three
      topics {b} --describe --under-replicated-partitions --topics-with-overrides
      topics {b} --describe --exclude-internal --topic plain
      topics {b} --create --topic zero --partitions 0
      topics {b} --create --topic negative --partitions -1
      topics {b} --create --topic negative --partitions -2
      topics {b} --create --topic words --partitions three
      topics {b} --create --topic replicas --replication-factor 0
      topics {b} --create --topic replicas --replication-factor 3
      topics {b} --create --topic replicas --replication-factor 40000
      topics {b} --create --topic replicas --replica-assignment 1:1
      topics {b} --create --topic replicas --replica-assignment 1:2
      topics {b} --create --topic replicas --replica-assignment 7
      topics {b} --create --topic replicas --replica-assignment 1,7
      topics {b} --create --topic replicas --replica-assignment 1,1:7
      topics {b} --create --topic replicas --replica-assignment one
      topics {b} --create --topic replicas --replica-assignment 1 --partitions 1
      topics {b} --create --topic 'bad name'
      topics {b} --create --topic ünsafe
      topics {b} --create --topic .
      topics {b} --create --topic ..
    `),
    step(`topics {b} --create --topic ${'long'.repeat(63)}`),
    ...lines(`
      topics {b} --create --topic __consumer_offsets_not
      topics {b} --create --topic __cluster_metadata
      topics {b} --create --topic wrong --config nobody.knows=1
      topics {b} --create --topic wrong --config retention.ms=soon
      topics {b} --create --topic wrong --config retention.ms=-2
      topics {b} --create --topic wrong --config cleanup.policy=keep
      topics {b} --create --topic wrong --config cleanup.policy=
      topics {b} --create --topic wrong --config segment.bytes=1
      topics {b} --create --topic wrong --config min.insync.replicas=0
      topics {b} --create --topic wrong --config compression.type=brotli
      topics {b} --create --topic wrong --config message.timestamp.type=Now
      topics {b} --create --topic wrong --config remote.storage.enable=true
      topics {b} --create --topic wrong --config local.retention.ms=5 --config retention.ms=4
      topics {b} --create --topic wrong --config retention.ms
      topics {b} --create --topic wrong --config compression.gzip.level=10
      topics {b} --create --topic wrong --config leader.replication.throttled.replicas=all
      topics {b} --create --topic wrong --config unclean.leader.election.enable=perhaps
      topics {b} --alter --topic plain
      topics {b} --alter --topic plain --partitions 2
    `),
    titled('has two', 'topics {b} --describe --topic plain'),
    titled('as many as there are', 'topics {b} --alter --topic plain --partitions 2'),
    ...lines(`
      topics {b} --alter --topic plain --partitions 1
      topics {b} --alter --topic plain --partitions 0
      topics {b} --alter --topic nobody --partitions 2
      topics {b} --alter --topic nobody --partitions 2 --if-exists
      topics {b} --alter --topic assigned --partitions 4 --replica-assignment 1,1,1,1
      topics {b} --alter --topic assigned --partitions 6 --replica-assignment 1,1
      topics {b} --alter --topic assigned --partitions 5 --replica-assignment 1,1,1,1,9
      topics {b} --alter --topic assigned --partitions 5 --replica-assignment 1,1,1,1,1:1
      topics {b} --alter --topic plain --config retention.ms=1
      topics {b} --alter --topic plain --partitions 3 --if-not-exists
      topics {b} --alter --topic plain --partitions 3 --replication-factor 1
      topics {b} --alter --topic 'w.*' --partitions 2
    `),
    titled('both have two', "topics {b} --describe --topic 'with.*'"),
    titled('page by page', "topics {b} --describe --topic 'with.*|plain|assigned' --partition-size-limit-per-response 1"),

    ...lines(`
      topics {b} --delete
      topics {b} --delete --topic nobody
      topics {b} --delete --topic nobody --if-exists
      topics {b} --delete --topic plain
    `),
    titled('it is gone', 'topics {b} --delete --topic plain'),
    ...lines(`
      topics {b} --delete --topic 'with.*'
      topics {b} --delete --topic three --config a=b
      topics {b} --delete --topic three --partitions 2
    `),
    titled('what is left', 'topics {b} --list'),
    ...lines(`
      topics --bootstrap-server nowhere:port --list
      topics --bootstrap-server {broker} --command-config {dir}/none.properties --list
    `),
    step('topics {b} --command-config {dir}/client.properties --list', { files: { 'client.properties': 'client.id=transcript\nrequest.timeout.ms=5000\n' } }),
  ],
};
