import { lines, step, type Family, type Step } from '../step.js';

const LOG = '00000000000000000000.log';
const METADATA = `{data}/__cluster_metadata-0/${LOG}`;
/**
 * The shell runs its command when it has read the file, whether or not its other thread has made an image of it by then:
 * it is asked again. Of a snapshot it may also wait for an image for ever, so it is given the log.
 */
const shell = (command: string, until: RegExp): Step => step(`metadata-shell --snapshot ${METADATA} ${command}`, {
  until, normalise: printed => printed.replace(/^.* Ignoring control record .*\n/gm, ''),
});

/** A checksum covers the time, and how many producers were there before is a matter of retries. */
const comparable = (printed: string): string => printed.replace(/\b(crc|producerId): \d+/g, '$1: <n>');

/** What the lines that match tell, once each. */
const records = (kinds: RegExp) => (printed: string): string => {
  const told = printed.split('\n').map(line =>
    line.replace(/^.*? payload: (?=\{)/, '').replace(/"(commitTimestamp|salt|storedKey|serverKey)":("[^"]*"|<now>)/g, '"$1":<any>'));
  return [...new Set(told)].filter(line => kinds.test(line)).join('\n');
};

/** What was written of a transactional id. */
const statesOf = (transactionalId: string) => (printed: string): string =>
  printed.split('\n').filter(line => line.includes(transactionalId)).map(line => line.replace(/("\w*[pP]roducerId"):\d+/g, '$1:<n>')).join('\n');

/** The files that the brokers left. */
export const files: Family = {
  name: 'files',
  after: 'stop',
  steps: [
    ...lines(`
      dump-log
      dump-log --files {data}/none-0/${LOG}
      dump-log --files {data}/meta.properties
      dump-log --files {data}/dumped-0/${LOG}
      dump-log --files {data}/dumped-0/${LOG} --deep-iteration
      dump-log --files {data}/dumped-0/${LOG} --print-data-log
      dump-log --files {data}/dumped-0/${LOG} --print-data-log --skip-record-metadata
      dump-log --files {data}/dumped-0/${LOG} --print-data-log --max-bytes 200
      dump-log --files {data}/dumped-0/${LOG} --print-data-log --value-decoder-class nobody.Knows
      dump-log --files {data}/dumped-0/${LOG} --offsets-decoder --cluster-metadata-decoder
      dump-log --files {data}/dumped-0/${LOG} --transaction-log-decoder
      dump-log --files {data}/dumped-0/${LOG},{data}/stamped-0/${LOG} --max-message-size 10
      dump-log --files {data}/stamped-0/${LOG} --print-data-log
      dump-log --files {data}/dumped-0/00000000000000000000.index
      dump-log --files {data}/dumped-0/00000000000000000000.index --verify-index-only
      dump-log --files {data}/dumped-0/00000000000000000000.index --index-sanity-check
      dump-log --files {data}/dumped-0/00000000000000000000.timeindex
      dump-log --files {data}/dumped-0/00000000000000000000.timeindex --verify-index-only
      dump-log --files {data}/dumped-0/00000000000000000000.txnindex
      dump-log --files {data}/dumped-0/leader-epoch-checkpoint
      dump-log --files {data}/sequenced-0/${LOG} --print-data-log
      dump-log --files {data}/sequenced-0/00000000000000000000.txnindex
      dump-log --files {data}/hanging-0/${LOG} --print-data-log
    `).map(one => ({ ...one, normalise: comparable })),
    step(`dump-log --cluster-metadata-decoder --skip-record-metadata --files ${METADATA}`, {
      normalise: records(/"type":"(?:TOPIC|REMOVE_TOPIC|PARTITION|CONFIG|CLIENT_QUOTA|USER_SCRAM_CREDENTIAL|REMOVE_USER_SCRAM_CREDENTIAL|FEATURE_LEVEL)_RECORD"/),
      unordered: true,
    }),
    step(`dump-log --offsets-decoder --skip-record-metadata --files {data}/__consumer_offsets-0/${LOG}`, { normalise: records(/idle/), unordered: true }),
    step(`dump-log --transaction-log-decoder --skip-record-metadata --files {data}/__transaction_state-0/${LOG}`, { normalise: statesOf('left-open') }),
    step('storage info --config {dir}/server.properties', {
      files: {
        'server.properties': 'node.id=1\nprocess.roles=broker,controller\nlog.dirs={data}\nlisteners=PLAINTEXT://:0,CONTROLLER://:0\n' +
          'controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@localhost:9\n',
      },
    }),
    ...lines(`
      storage
      storage info
      storage info --config {dir}/none.properties
      storage format --config {dir}/server.properties --cluster-id hq5sL7rGT8WmNyT2vCw0aQ
      storage format --config {dir}/server.properties --cluster-id hq5sL7rGT8WmNyT2vCw0aQ --ignore-formatted
      storage format --config {dir}/server.properties
      storage version-mapping
      storage version-mapping --release-version 4.0
      storage feature-dependencies --feature transaction.version=2
      storage random-uuid
    `),
    ...lines(`
      metadata-shell
      metadata-shell --snapshot {data}/none/${LOG} ls
    `),
    shell('ls', /image/),
    shell('ls /image', /topics/),
    shell('ls /image/topics/byName', /timed/),
    shell('tree /image/topics/byName/pairs', /elr/),
    shell('cat /image/topics/byName/pairs/0', /elr/),
    shell('ls /image/configs', /pairs|small/),
    shell('tree /image/features', /finalized/),
    shell('tree /image/configs/TOPIC:small', /max.message.bytes/),
    shell('find /image/scram', /./),
    shell('cat /image/nobody', /No such/),
    shell('dance', /invalid/),
    shell('pwd', /invalid/),
  ],
};
