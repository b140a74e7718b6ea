import { lines, step, type Family, type Step } from '../step.js';

const LOG = '00000000000000000000.log';
const METADATA = `{data}/__cluster_metadata-0/${LOG}`;
const shell = (command: string, normalise?: (printed: string) => string): Step => step(`metadata-shell --snapshot ${METADATA} ${command}`, { normalise });

/** They cover the time. */
const withoutChecksums = (printed: string): string => printed.replace(/\bcrc: \d+/g, 'crc: <n>');

/** What the lines that match tell, once each. */
const records = (kinds: RegExp) => (printed: string): string => [...new Set(printed.split('\n').map(line => line.replace(/^.*? payload: (?=\{)/, '').replace(/"commitTimestamp":<now>/, '')))].filter(line => kinds.test(line)).join('\n');

/** The files that the brokers left. */
export const files: Family = {
  name: 'files',
  afterStop: true,
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
    `).map(one => ({ ...one, normalise: withoutChecksums })),
    step(`dump-log --cluster-metadata-decoder --skip-record-metadata --files ${METADATA}`, { normalise: records(/"type":"(?:TOPIC|REMOVE_TOPIC|PARTITION|CONFIG|CLIENT_QUOTA|USER_SCRAM_CREDENTIAL|REMOVE_USER_SCRAM_CREDENTIAL|FEATURE_LEVEL)_RECORD"/) }),
    step(`dump-log --offsets-decoder --skip-record-metadata --files {data}/__consumer_offsets-0/${LOG}`, { normalise: records(/idle/) }),
    step('storage info --config {dir}/server.properties', {
      files: { 'server.properties': 'node.id=1\nprocess.roles=broker,controller\nlog.dirs={data}\nlisteners=PLAINTEXT://:0,CONTROLLER://:0\ncontroller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@localhost:9\n' },
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
      metadata-shell --snapshot ${METADATA} dance
    `),
    ...['ls', 'ls /image', 'ls /image/topics/byName', 'tree /image/topics/byName/pairs', 'cat /image/topics/byName/pairs/0', 'ls /image/configs', 'tree /image/clientQuotas', 'tree /image/features', 'tree /image/configs', 'cat /image/nobody', 'find /image/scram', 'pwd', 'man ls', 'help', 'ls /local'].map(command => shell(command)),
  ],
};
