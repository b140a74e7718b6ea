import { lines, step, type Family, type Step } from '../step.js';

/** Of all brokers, set by steps before. */
const DEFAULTS = [
  'message.max.bytes', 'num.io.threads', 'num.network.threads', 'max.connections', 'max.connections.per.ip', 'log.cleanup.policy', 'unclean.leader.election.enable',
];

export const configs: Family = {
  name: 'configs',
  steps: [
    ...lines(`
      configs
      configs {b}
      configs --describe --entity-type topics
      configs {b} --describe
      configs {b} --describe --alter --entity-type topics
      configs {b} --describe --entity-type stars
      configs {b} --describe --entity-type topics --entity-type brokers
      configs {b} --describe --entity-type topics --entity-type topics
      configs {b} --describe --entity-type topics --entity-default
      configs {b} --describe --entity-type topics --topic t
      configs {b} --bootstrap-controller {broker} --describe --entity-type topics

      topics {b} --create --topic settings --config retention.ms=60000
      configs {b} --describe --topic settings
      configs {b} --describe --entity-type topics --entity-name settings --all
      configs {b} --describe --topic nobody
      configs {b} --describe --topic nobody --all
      configs {b} --describe --topic 'bad name'
      configs {b} --alter --topic settings --add-config cleanup.policy=[compact,delete],segment.ms=100000
      configs {b} --describe --topic settings
      configs {b} --alter --topic settings --delete-config segment.ms
      configs {b} --alter --topic settings --delete-config segment.ms
      configs {b} --alter --topic settings --delete-config nobody.knows
      configs {b} --alter --topic settings --add-config retention.bytes=5 --delete-config retention.ms
      configs {b} --describe --topic settings
      configs {b} --alter --topic settings --add-config retention.bytes=few
      configs {b} --alter --topic settings --add-config nobody.knows=1
      configs {b} --alter --topic settings --add-config cleanup.policy=shred
      configs {b} --alter --topic settings --add-config max.message.bytes=-1
      configs {b} --alter --topic settings --add-config min.cleanable.dirty.ratio=1.5
      configs {b} --alter --topic settings --add-config min.insync.replicas=0
      configs {b} --alter --topic settings --add-config min.insync.replicas=40
      configs {b} --alter --topic settings --add-config remote.storage.enable=true
      configs {b} --alter --topic settings --add-config leader.replication.throttled.replicas=[0:1]
      configs {b} --alter --topic settings --add-config leader.replication.throttled.replicas=*
      configs {b} --alter --topic settings --add-config leader.replication.throttled.replicas=x
      configs {b} --alter --topic settings --add-config message.timestamp.type=LogAppendTime,compression.type=gzip,compression.gzip.level=5
      configs {b} --describe --topic settings
      configs {b} --alter --topic settings --add-config preallocate=yes
      configs {b} --alter --topic settings --add-config retention.bytes
      configs {b} --alter --topic settings --add-config 'odd key=1'
      configs {b} --alter --topic settings --add-config retention.bytes=7,retention.bytes=8
      configs {b} --alter --topic settings --add-config retention.bytes=9 --delete-config retention.bytes
      configs {b} --alter --topic settings
      configs {b} --alter --topic nobody --add-config retention.ms=1
      configs {b} --alter --topic 'bad name' --add-config retention.ms=1
      configs {b} --alter --entity-type topics --add-config retention.ms=1
    `),
    step('configs {b} --alter --topic settings --add-config-file {dir}/topic.properties', {
      files: { 'topic.properties': 'segment.bytes=2000000\ndelete.retention.ms=5\n' },
    }),
    ...lines(`
      configs {b} --alter --topic settings --add-config-file {dir}/none.properties
      configs {b} --alter --topic settings --add-config-file {dir}/topic.properties --add-config a=b
      configs {b} --describe --topic settings

      configs {b} --describe --broker 1
      configs {b} --describe --broker 1 --all
      configs {b} --describe --broker-defaults
      configs {b} --describe --entity-type brokers --entity-default --all
      configs {b} --describe --entity-type brokers
      configs {b} --describe --broker 5
      configs {b} --describe --broker one
      configs {b} --alter --broker 1 --add-config log.cleaner.threads=2
      configs {b} --alter --broker 1 --add-config log.cleaner.threads=9
      configs {b} --alter --broker 1 --add-config log.cleaner.threads=0
      configs {b} --alter --broker 1 --add-config log.cleaner.threads=many
      configs {b} --describe --broker 1
      configs {b} --alter --broker-defaults --add-config log.cleaner.threads=1,log.retention.ms=700000
      configs {b} --describe --entity-type brokers
      configs {b} --alter --broker 1 --delete-config log.cleaner.threads
      configs {b} --describe --entity-type brokers
      configs {b} --describe --topic settings --all
      configs {b} --alter --broker-defaults --delete-config log.cleaner.threads,log.retention.ms
      configs {b} --alter --broker-defaults --delete-config log.cleaner.threads
      configs {b} --describe --broker-defaults
      configs {b} --alter --broker 1 --add-config node.id=4
      configs {b} --alter --broker-defaults --add-config broker.id=4
      configs {b} --alter --broker 1 --add-config log.dirs=/elsewhere
      configs {b} --alter --broker 1 --add-config auto.create.topics.enable=false
      configs {b} --alter --broker-defaults --add-config num.partitions=3
      configs {b} --alter --broker-defaults --add-config default.replication.factor=3
      configs {b} --alter --broker-defaults --add-config offsets.topic.num.partitions=3
      configs {b} --alter --broker-defaults --add-config listeners=PLAINTEXT://:0
      configs {b} --alter --broker 1 --add-config nobody.knows=x
      configs {b} --describe --broker 1
      configs {b} --alter --broker 1 --delete-config nobody.knows
      configs {b} --alter --broker one --add-config log.cleaner.threads=2
      configs {b} --alter --broker-defaults --add-config message.max.bytes=-5
      configs {b} --alter --broker-defaults --add-config message.max.bytes=2000000,num.io.threads=9
      configs {b} --alter --broker-defaults --add-config num.io.threads=90
      configs {b} --alter --broker 1 --add-config listener.name.plaintext.max.connections=0
      configs {b} --alter --broker 1 --add-config listeners=OTHER://127.0.0.1:0
      configs {b} --alter --broker-defaults --add-config log.retention.ms=0
      configs {b} --alter --broker-defaults --add-config log.cleaner.dedupe.buffer.size=1000
      configs {b} --alter --broker-defaults --add-config group.consumer.assignment.interval.ms=20000
      configs {b} --alter --broker-defaults --add-config log.local.retention.bytes=5,log.retention.bytes=4
      configs {b} --alter --broker-defaults --add-config metric.reporters=no.such.Reporter
      configs {b} --alter --broker 1 --add-config cordoned.log.dirs=/no/such
      configs {b} --alter --broker-defaults --add-config num.network.threads=2
      configs {b} --alter --broker-defaults --add-config background.threads=0
      configs {b} --alter --broker-defaults --add-config max.connections=100,max.connections.per.ip=90
      configs {b} --alter --broker-defaults --add-config max.connections.per.ip.overrides=[here:1]
      configs {b} --alter --broker 1 --add-config max.connections.per.ip.overrides=127.0.0.1:8000
      configs {b} --alter --broker-defaults --add-config min.insync.replicas=1
      configs {b} --alter --broker 1 --add-config min.insync.replicas=1
      configs {b} --alter --broker-defaults --delete-config min.insync.replicas
      configs {b} --alter --broker-defaults --add-config log.message.timestamp.type=Later
      configs {b} --alter --broker-defaults --add-config log.cleanup.policy=compact
      configs {b} --alter --broker-defaults --add-config ssl.keystore.password=secret
      configs {b} --alter --broker 1 --add-config ssl.keystore.password=secret
      configs {b} --alter --broker 1 --add-config leader.replication.throttled.rate=1000,follower.replication.throttled.rate=1000
      configs {b} --alter --broker 1 --add-config leader.replication.throttled.rate=-1
      configs {b} --alter --broker-defaults --add-config leader.replication.throttled.rate=1000
      configs {b} --alter --broker-defaults --add-config unclean.leader.election.enable=true
      configs {b} --describe --entity-type brokers
      configs {b} --describe --entity-type topics --entity-name settings --all
      configs {b} --alter --broker-defaults --delete-config ${DEFAULTS.join(',')}
      configs {b} --alter --broker 1 --delete-config leader.replication.throttled.rate,follower.replication.throttled.rate,max.connections.per.ip.overrides
      configs {b} --describe --entity-type brokers

      configs {b} --describe --broker-logger 1
      configs {b} --describe --broker-logger 5
      configs {b} --describe --entity-type broker-loggers
      configs {b} --alter --broker-logger 1 --add-config kafka.server.KafkaApis=DEBUG
      configs {b} --alter --broker-logger 1 --add-config root=LOUD
      configs {b} --alter --broker-logger 1 --add-config root=ERROR
      configs {b} --alter --broker-logger 1 --add-config root=FATAL,nobody=INFO
      configs {b} --alter --broker-logger one --add-config root=ERROR
      configs {b} --alter --broker-logger 1 --add-config nobody=INFO
      configs {b} --alter --broker-logger 1 --delete-config root
    `),
  ],
};

/** What is listed comes in the order of a hash table. */
const sets = (block: string): Step[] => lines(block).map(one => (/--list$|--describe$/.test(one.title) ? { ...one, unordered: true } : one));

/** So do a user's credentials, in a table of mechanisms. */
const sorted = (block: string): Step[] => sets(block).map(one => ({
  ...one, normalise: printed => printed.replace(/(?<=^SCRAM credential configs .* are ).*/gm, list => list.split(', ').sort().join(', ')),
}));

/** Quotas and SCRAM credentials: what the tool keeps by user, client and address. */
export const quotas: Family = {
  name: 'quotas',
  steps: sorted(`
    configs {b} --describe --entity-type users
    configs {b} --describe --entity-type clients
    configs {b} --describe --entity-type ips
    configs {b} --alter --user alice --add-config producer_byte_rate=100000,consumer_byte_rate=200000
    configs {b} --describe --user alice
    configs {b} --alter --user alice --client app --add-config request_percentage=150
    configs {b} --alter --client app --add-config controller_mutation_rate=10.5
    configs {b} --alter --user-defaults --add-config producer_byte_rate=50000
    configs {b} --alter --client-defaults --add-config producer_byte_rate=40000
    configs {b} --alter --entity-type users --entity-default --entity-type clients --entity-default --add-config producer_byte_rate=30000
    configs {b} --alter --entity-type users --entity-name bob --entity-type clients --entity-default --add-config producer_byte_rate=20000
    configs {b} --describe --entity-type users
    configs {b} --describe --entity-type clients
    configs {b} --describe --entity-type users --entity-type clients
    configs {b} --describe --user alice --client app
    configs {b} --describe --user-defaults
    configs {b} --describe --client-defaults
    configs {b} --describe --user nobody
    configs {b} --alter --user alice --delete-config consumer_byte_rate
    configs {b} --alter --user alice --delete-config consumer_byte_rate
    configs {b} --describe --user alice
    configs {b} --alter --user alice --add-config producer_byte_rate=-1
    configs {b} --alter --user alice --add-config producer_byte_rate=0
    configs {b} --alter --user alice --add-config producer_byte_rate=fast
    configs {b} --alter --user alice --add-config producer_byte_rate=1.5
    configs {b} --alter --user alice --add-config nobody_knows=1
    configs {b} --alter --client app --add-config SCRAM-SHA-256=[password=x]
    configs {b} --alter --user alice
    configs {b} --alter --entity-type users --add-config producer_byte_rate=1
    configs {b} --alter --ip 127.0.0.9 --add-config connection_creation_rate=100
    configs {b} --alter --ip-defaults --add-config connection_creation_rate=200
    configs {b} --alter --ip 127.0.0.9 --add-config producer_byte_rate=1
    configs {b} --alter --ip 'not an address' --add-config connection_creation_rate=100
    configs {b} --alter --ip 127.0.0.9 --add-config connection_creation_rate=1.5
    configs {b} --describe --entity-type ips
    configs {b} --describe --ip 127.0.0.9
    configs {b} --describe --ip-defaults
    configs {b} --describe --entity-type ips --entity-type users
    configs {b} --alter --ip 127.0.0.9 --delete-config connection_creation_rate
    configs {b} --alter --ip-defaults --delete-config connection_creation_rate
    configs {b} --describe --entity-type ips

    configs {b} --alter --user carol --add-config SCRAM-SHA-256=[password=carols-secret]
    configs {b} --alter --user carol --add-config SCRAM-SHA-512=[iterations=8192,password=carols-secret]
    configs {b} --describe --user carol
    configs {b} --describe --entity-type users
    configs {b} --alter --user carol --add-config SCRAM-SHA-256=[iterations=10,password=carols-secret]
    configs {b} --alter --user carol --add-config SCRAM-SHA-256=[iterations=20000,password=carols-secret]
    configs {b} --alter --user carol --add-config SCRAM-SHA-256=[secret=x]
    configs {b} --alter --user carol --add-config SCRAM-SHA-1=[password=x]
    configs {b} --alter --user carol --add-config SCRAM-SHA-256=[password=x],producer_byte_rate=5
    configs {b} --alter --user-defaults --add-config SCRAM-SHA-256=[password=x]
    configs {b} --alter --user carol --delete-config SCRAM-SHA-256
    configs {b} --alter --user carol --delete-config SCRAM-SHA-256
    configs {b} --describe --user carol
    configs {b} --alter --user carol --delete-config SCRAM-SHA-512
    configs {b} --describe --user carol
    configs {b} --alter --user nobody --delete-config SCRAM-SHA-512

    configs {b} --alter --user alice --delete-config producer_byte_rate
    configs {b} --alter --user alice --client app --delete-config request_percentage
    configs {b} --alter --client app --delete-config controller_mutation_rate
    configs {b} --alter --user-defaults --delete-config producer_byte_rate
    configs {b} --alter --client-defaults --delete-config producer_byte_rate
    configs {b} --alter --entity-type users --entity-default --entity-type clients --entity-default --delete-config producer_byte_rate
    configs {b} --alter --entity-type users --entity-name bob --entity-type clients --entity-default --delete-config producer_byte_rate
    configs {b} --describe --entity-type users
  `),
};

/** Settings of groups and of client metrics. */
export const resources: Family = {
  name: 'groups and client metrics',
  steps: sets(`
    configs {b} --describe --entity-type groups
    configs {b} --describe --group nobody
    configs {b} --describe --group nobody --all
    configs {b} --alter --group settled --add-config consumer.session.timeout.ms=50000,consumer.heartbeat.interval.ms=6000
    configs {b} --describe --group settled
    configs {b} --describe --group settled --all
    configs {b} --describe --entity-type groups
    configs {b} --alter --group settled --add-config consumer.session.timeout.ms=1
    configs {b} --alter --group settled --add-config consumer.session.timeout.ms=100000
    configs {b} --alter --group settled --add-config consumer.heartbeat.interval.ms=50000
    configs {b} --alter --group settled --add-config consumer.session.timeout.ms=long
    configs {b} --alter --group settled --add-config share.isolation.level=read_committed,share.auto.offset.reset=earliest
    configs {b} --alter --group settled --add-config share.auto.offset.reset=by_duration:PT1H
    configs {b} --alter --group settled --add-config share.auto.offset.reset=middle
    configs {b} --alter --group settled --add-config share.record.lock.duration.ms=1
    configs {b} --alter --group settled --add-config streams.num.standby.replicas=1
    configs {b} --alter --group settled --add-config streams.num.standby.replicas=100
    configs {b} --alter --group settled --add-config nobody.knows=1
    configs {b} --describe --group settled
    configs {b} --alter --group settled --delete-config consumer.session.timeout.ms,consumer.heartbeat.interval.ms
    configs {b} --alter --group settled --delete-config share.isolation.level,share.auto.offset.reset,streams.num.standby.replicas
    configs {b} --describe --group settled
    configs {b} --describe --entity-type groups
    configs {b} --alter --entity-type groups --add-config consumer.session.timeout.ms=50000

    configs {b} --describe --entity-type client-metrics
    configs {b} --describe --client-metrics nobody
    configs {b} --alter --client-metrics watched --add-config interval.ms=5000,metrics=org.apache.kafka.producer.
    configs {b} --describe --client-metrics watched
    configs {b} --describe --client-metrics watched --all
    configs {b} --alter --client-metrics watched --add-config match=[client_id=app.*,client_software_name=apache-kafka-java]
    configs {b} --alter --client-metrics watched --add-config match=[shoe_size=44]
    configs {b} --alter --client-metrics watched --add-config match=[client_id=(]
    configs {b} --alter --client-metrics watched --add-config interval.ms=1
    configs {b} --alter --client-metrics watched --add-config interval.ms=10000000
    configs {b} --alter --client-metrics watched --add-config nobody.knows=1
    configs {b} --describe --entity-type client-metrics

    client-metrics
    client-metrics {b}
    client-metrics --list
    client-metrics {b} --list
    client-metrics {b} --list --describe
    client-metrics {b} --describe
    client-metrics {b} --describe --name watched
    client-metrics {b} --describe --name nobody
    client-metrics {b} --alter --name mine --metrics org.apache.kafka.consumer. --interval 10000
    client-metrics {b} --alter --name mine --match client_id=a,client_source_port=5
    client-metrics {b} --alter --name mine --match 'client_id=a b'
    client-metrics {b} --alter --name mine --match nonsense
    client-metrics {b} --alter --name mine --interval 1
    client-metrics {b} --alter --name mine --interval soon
    client-metrics {b} --alter --interval 10000
    client-metrics {b} --alter --name mine --generate-name --interval 10000
    client-metrics {b} --describe --name mine
    client-metrics {b} --alter --name mine --interval ''
    client-metrics {b} --describe --name mine
    client-metrics {b} --list
    client-metrics {b} --delete
    client-metrics {b} --delete --name mine
    client-metrics {b} --delete --name mine
    client-metrics {b} --delete --name watched
    client-metrics {b} --list
    client-metrics {b} --describe
  `),
};
