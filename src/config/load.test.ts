import { describe, expect, test } from '@jest/globals';
import { planListeners } from './listeners.js';
import { loadSettings, type Sources } from './load.js';

const load = (sources: Partial<Sources> = {}) => loadSettings({ dataDirectory: '/data', ...sources });
const file = (text: string) => ({ name: 'server.properties', text });
const plan = (sources: Partial<Sources>) => planListeners(load(sources).settings, 'this.machine').listeners;

/** What Apache's distribution calls `config/server.properties`, without its comments. */
const APACHE_FILE = file(`
process.roles=broker,controller
node.id=3
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
`);

describe('where settings come from', () => {
  test('flags go before the environment, the environment before the file, the file before the local start', () => {
    const { settings } = load({
      file: file('num.partitions=2\nmessage.max.bytes=2\nlog.roll.ms=2'),
      environment: { KAFKA_NUM_PARTITIONS: '3', KAFKA_MESSAGE_MAX_BYTES: '3' },
      flags: [{ name: 'num.partitions', text: '4', flag: '--set' }],
    });
    expect([settings.get('num.partitions'), settings.get('message.max.bytes'), settings.get('log.roll.ms')]).toEqual([4, 3, 2]);
    expect(settings.placeOf('num.partitions')).toBe('--set');
    expect(settings.placeOf('message.max.bytes')).toBe('environment variable KAFKA_MESSAGE_MAX_BYTES');
    expect(settings.placeOf('log.roll.ms')).toBe('server.properties:3');
  });

  test('without anything a local start needs no preparation', () => {
    const { settings, warnings } = load();
    expect(warnings).toEqual([]);
    expect(settings.dataDirectories).toEqual(['/data']);
    expect(settings.get('group.initial.rebalance.delay.ms')).toBe(0);
    expect(settings.get('offsets.topic.replication.factor')).toBe(1);
    expect(plan({})).toEqual([{
      name: 'PLAINTEXT', protocol: 'PLAINTEXT', role: 'broker', host: '127.0.0.1', port: 9092, advertised: { host: '127.0.0.1', port: 9092 },
    }]);
  });

  test('beside a file Kafka\'s defaults hold, except what one node cannot meet', () => {
    const { settings } = load({ file: file('node.id=4\nprocess.roles=broker,controller') });
    expect(settings.get('group.initial.rebalance.delay.ms')).toBe(3000);
    expect(settings.get('log.dir')).toEqual(['/tmp/kafka-logs']);
    expect(settings.dataDirectories).toEqual(['/tmp/kafka-logs']);
    expect(settings.text('listeners')).toBe('PLAINTEXT://:9092');
    expect(settings.get('transaction.state.log.min.isr')).toBe(1);
  });

  test('data directories begin where the command was typed', () => {
    const of = (text: string) => load({ file: file(text), workingDirectory: '/here' }).settings;
    expect(of('log.dirs=a, /b\nmetadata.log.dir=m').dataDirectories).toEqual(['/here/a', '/b']);
    expect(of('log.dir=a\nmetadata.log.dir=m').metadataDirectory).toBe('/here/m');
    expect(load({ dataDirectory: 'd', workingDirectory: '/here' }).settings.dataDirectories).toEqual(['/here/d']);
  });

  test('the file of a single Apache node works as it is', () => {
    const { settings, warnings } = load({ file: APACHE_FILE });
    expect(warnings).toEqual(['set, but without effect in this version: num.recovery.threads.per.data.dir (server.properties:17)']);
    expect(planListeners(settings, 'this.machine')).toEqual({
      interBroker: 'PLAINTEXT',
      listeners: [
        { name: 'PLAINTEXT', protocol: 'PLAINTEXT', role: 'broker', host: '', port: 9092, advertised: { host: 'localhost', port: 9092 } },
        { name: 'CONTROLLER', protocol: 'PLAINTEXT', role: 'controller', host: '', port: 9093, advertised: { host: 'localhost', port: 9093 } },
      ],
    });
  });

  test('environment variables are settings, except those of the image, the scripts and Kubernetes', () => {
    const { settings, warnings } = load({
      environment: {
        KAFKA_LOG_SEGMENT_BYTES: '2097152', KAFKA_MY__PLUGIN___URL: 'x', KAFKA_HEAP_OPTS: '-Xmx1g', KAFKA_OPTS: '', KAFKA_CLUSTER_ID: 'a',
        KAFKA_LOG4J_LOGGERS: 'x', KAFKA_JMX_PORT: '9', KAFKA_PORT: 'tcp://10.0.0.1:9092', KAFKA_SERVICE_HOST: '10.0.0.1', PATH: '/bin',
      },
    });
    expect(settings.get('log.segment.bytes')).toBe(2097152);
    expect(settings.unknownNames()).toEqual(['my_plugin-url']);
    expect(warnings).toEqual(['unknown setting my_plugin-url (environment variable KAFKA_MY__PLUGIN___URL)']);
  });
});

describe('what is wrong is said with its place', () => {
  test('an unknown name warns with the nearest one, and strict refuses it', () => {
    const sources = { flags: [{ name: 'num.partition', text: '1', flag: '--set' }] };
    const message = 'unknown setting num.partition (--set): did you mean num.partitions?';
    expect(load(sources).warnings).toEqual([message]);
    expect(() => load({ ...sources, strict: true })).toThrow(message);
  });

  test('a bad value names file and line', () => {
    expect(() => load({ file: file('# x\nnum.partitions=many') })).toThrow(
      'Invalid value many for configuration num.partitions: Not a number of type INT (server.properties:2)');
    expect(() => load({ file: file('a=\\u1') })).toThrow('server.properties:1');
  });

  test.each<[string, Record<string, string>, string]>([
    ['ports that clash', { listeners: 'A://:9,B://:9', 'listener.security.protocol.map': 'A:PLAINTEXT,B:PLAINTEXT' }, 'listeners: A and B have the same port 9 (--set)'],
    ['names that clash', { listeners: 'PLAINTEXT://:9,PLAINTEXT://:8' }, 'listeners: each listener must have a different name (--set)'],
    ['no protocol', { listeners: 'INSIDE://:9' }, 'listeners: no security protocol is defined for listener INSIDE'],
    ['no address', { listeners: 'localhost:9092' }, 'listeners: unable to parse localhost:9092'],
    ['an odd protocol', { 'listener.security.protocol.map': 'A:TLS' }, "listener.security.protocol.map: 'A:TLS' has to be NAME:PROTOCOL"],
    ['advertised stranger', { 'advertised.listeners': 'SSL://a:1' }, 'advertised.listeners: SSL is not among the listeners, which are PLAINTEXT'],
    ['advertised nowhere', { 'advertised.listeners': 'PLAINTEXT://0.0.0.0:1' }, 'advertised.listeners: nobody can connect to 0.0.0.0'],
    ['bound everywhere', { listeners: 'PLAINTEXT://0.0.0.0:1' }, 'listeners: nobody can connect to 0.0.0.0'],
    ['TLS', { listeners: 'SSL://:9093', 'security.inter.broker.protocol': 'SSL' }, 'listeners: SSL asks for SSL; this version of Ottla serves PLAINTEXT only'],
    ['inter-broker listener', { 'inter.broker.listener.name': 'SSL' }, 'inter.broker.listener.name: SSL must be an advertised listener: one of PLAINTEXT (--set)'],
    ['two inter-broker ways', { 'inter.broker.listener.name': 'PLAINTEXT', 'security.inter.broker.protocol': 'PLAINTEXT' }, 'only one of it and security.inter.broker.protocol'],
    ['only controllers', { 'controller.listener.names': 'PLAINTEXT' }, 'listeners: there must be at least one advertised listener that is not a controller listener'],
    ['controller nowhere', { 'controller.listener.names': 'C' }, 'controller.listener.names (--set): C is not among the listeners'],
    ['two ids', { 'broker.id': '2', 'node.id': '3' }, 'broker.id (--set): it must be the same as node.id, which is 3'],
    ['one role', { 'process.roles': 'broker' }, 'process.roles (--set): this version of Ottla runs broker and controller in one process'],
    ['a stranger\'s quorum', { 'controller.quorum.voters': '9@localhost:1' }, 'controller.quorum.voters (--set): it must name this node, 1'],
    ['no retention', { 'log.retention.ms': '0' }, 'log.retention.ms (--set): it must be at least 1, or -1 for ever'],
    ['session below its bound', { 'group.consumer.session.timeout.ms': '1000' }, 'group.consumer.session.timeout.ms (--set): it must lie between 45000 and 60000'],
    ['unknown codec', { 'offsets.topic.compression.codec': '7' }, 'offsets.topic.compression.codec (--set): it must be 0 none'],
  ])('%s', (_, own, message) => {
    expect(() => load({ flags: Object.entries(own).map(([name, text]) => ({ name, text, flag: '--set' })) })).toThrow(message);
  });
});

describe('flags for the address', () => {
  test('change the first listener of the broker', () => {
    expect(plan({ address: { host: '::1', port: 0 } })).toMatchObject([{ host: '::1', port: 0, advertised: { host: '::1', port: 0 } }]);
    expect(plan({ address: { port: 7 }, file: APACHE_FILE })).toMatchObject([
      { name: 'PLAINTEXT', host: '', port: 7, advertised: { host: 'localhost', port: 7 } },
      { name: 'CONTROLLER', port: 9093 },
    ]);
  });

  test('--port leaves alone what is advertised on another port, as that of a proxy is', () => {
    const flags = [{ name: 'advertised.listeners', text: 'PLAINTEXT://proxy:19092', flag: '--set' }];
    expect(plan({ address: { port: 7 }, flags })).toMatchObject([{ port: 7, advertised: { host: 'proxy', port: 19092 } }]);
  });

  test('0.0.0.0 binds everywhere and advertises this machine', () => {
    expect(plan({ address: { host: '0.0.0.0' } })).toMatchObject([{ host: '', advertised: { host: 'this.machine', port: 9092 } }]);
  });

  test('--advertise says what clients are told and nothing else', () => {
    expect(plan({ address: { advertise: 'kafka.example:19092' } })).toMatchObject(
      [{ host: '127.0.0.1', port: 9092, advertised: { host: 'kafka.example', port: 19092 } }]);
    expect(plan({ address: { advertise: '[fe80::1]:1' }, file: APACHE_FILE })).toMatchObject(
      [{ advertised: { host: 'fe80::1', port: 1 } }, { advertised: { host: 'localhost', port: 9093 } }]);
    expect(() => plan({ address: { advertise: 'nowhere' } })).toThrow('--advertise nowhere: it has to be HOST:PORT');
  });

  test('leave other listeners advertised as they were', () => {
    const flags = [
      { name: 'listeners', text: 'IN://:1,OUT://:2,CONTROLLER://0.0.0.0:3', flag: '--set' },
      { name: 'listener.security.protocol.map', text: 'IN:PLAINTEXT,OUT:PLAINTEXT,CONTROLLER:PLAINTEXT', flag: '--set' },
      { name: 'inter.broker.listener.name', text: 'in', flag: '--set' },
    ];
    expect(plan({ flags, address: { advertise: 'a:9' } }).map(({ name, advertised }) => [name, advertised])).toEqual([
      ['IN', { host: 'a', port: 9 }], ['OUT', { host: 'this.machine', port: 2 }], ['CONTROLLER', { host: 'this.machine', port: 3 }],
    ]);
  });
});

test('the listeners of a container: inside and outside', () => {
  const listeners = plan({
    environment: {
      KAFKA_LISTENERS: 'INSIDE://:9092,OUTSIDE://:9094', KAFKA_ADVERTISED_LISTENERS: 'INSIDE://kafka:9092,OUTSIDE://localhost:9094',
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT', KAFKA_INTER_BROKER_LISTENER_NAME: 'INSIDE',
    },
  });
  expect(listeners.map(({ name, role, advertised }) => [name, role, advertised])).toEqual([
    ['INSIDE', 'broker', { host: 'kafka', port: 9092 }], ['OUTSIDE', 'broker', { host: 'localhost', port: 9094 }],
  ]);
});
