import type { Command } from './flags.js';

const SETTINGS = [
  { name: 'config', letter: 'c', value: 'FILE', about: 'a Kafka server.properties' },
  { name: 'set', value: 'NAME=VALUE', about: 'one setting, before file and environment; may be repeated' },
  { name: 'data', value: 'DIR', about: 'data directory (log.dirs); ./ottla-data unless given' },
] as const;

/** The commands, in the order in which the help lists them. */
export const COMMANDS = {
  start: {
    name: 'start', about: 'start a broker',
    flags: [
      ...SETTINGS,
      { name: 'port', letter: 'p', value: 'N', about: 'port for clients; 9092 unless given, 0 for any free one' },
      { name: 'host', value: 'H', about: 'address to listen on; 127.0.0.1 unless given, 0.0.0.0 for all' },
      { name: 'advertise', value: 'HOST:PORT', about: 'what clients are told to connect to' },
      { name: 'memory', about: 'keep everything in memory, nothing on disk' },
      { name: 'strict', about: 'refuse settings that nobody knows' },
      { name: 'log-level', value: 'LEVEL', about: 'debug, info, warn or error; info unless given' },
      { name: 'log-file', value: 'FILE', about: 'write the log to a file instead of standard error' },
      { name: 'log-json', about: 'write the log as JSON, an object a line' },
    ],
  },
  format: {
    name: 'format', about: 'make data directories ready for a node, as kafka-storage format does; start does so by itself',
    flags: [
      ...SETTINGS,
      { name: 'cluster-id', letter: 't', value: 'ID', about: 'id of the cluster; a new one unless given' },
      { name: 'node-id', value: 'N', about: 'number of the node (node.id); 1 unless given' },
      { name: 'standalone', letter: 's', about: 'this node is the only voter; so it is unless controller.quorum.voters names voters' },
      { name: 'release-version', letter: 'r', value: 'VERSION', about: 'a release, such as 4.0 or 4.3-IV0, whose features to begin with' },
      { name: 'feature', letter: 'f', value: 'NAME=LEVEL', about: 'level of one feature; may be repeated' },
      { name: 'ignore-formatted', letter: 'g', about: 'leave directories that are formatted as they are' },
      { name: 'strict', about: 'refuse settings that nobody knows' },
    ],
  },
  config: {
    name: 'config', about: 'explain settings', operands: '[NAME]...',
    flags: [{ name: 'markdown', about: 'print the manual of all settings' }],
  },
  'dump-log': {
    name: 'dump-log', about: 'show what files of a log directory hold, and what is wrong with them', operands: 'FILE...',
    exitCodes: '0 when nothing is wrong, 1 when something is, 2 for a command line that is not understood',
    flags: [
      { name: 'records', letter: 'r', about: 'show the records too, and check them one by one' },
      { name: 'deep', about: 'the same as --records' },
      { name: 'decoder', letter: 'd', value: 'NAME', about: 'what the records are: offsets, transactions, metadata, share or none; by the name of the directory unless given' },
      { name: 'json', about: 'print JSON, an object a line' },
    ],
  },
  log: {
    name: 'log', about: 'log verify: say what in a log directory does not fit, and what a broker does about it', operands: 'verify DIR...',
    exitCodes: '0 when all is well, notes included, 1 when there are errors or warnings, or a directory cannot be read, 2 for a command line that is not understood',
    flags: [
      { name: 'all', letter: 'a', about: 'list the partitions too that are well' },
      { name: 'json', about: 'print JSON, an object a line' },
    ],
  },
} as const satisfies Record<string, Command>;
