import { lines, type Family } from '../step.js';

/** KIP-932 and KIP-1071. */
export const newerGroups: Family = {
  name: 'share and streams groups',
  steps: lines(`
    topics {b} --create --topic shared
    share-groups
    share-groups {b}
    share-groups {b} --list
    share-groups {b} --list --state
    share-groups {b} --list --state sleepy
    share-groups {b} --describe --group nobody
    share-groups {b} --delete --group nobody
    share-groups {b} --delete-offsets --group nobody --topic shared
    configs {b} --alter --group sharers --add-config share.auto.offset.reset=earliest
    configs {b} --describe --group sharers
    streams-groups
    streams-groups {b}
    streams-groups {b} --list
    streams-groups {b} --describe --group nobody
    streams-groups {b} --delete --group nobody
    streams-application-reset
    streams-application-reset {b} --application-id nobody --input-topics shared
  `),
};
