import { lines, step, type Family } from '../step.js';

export const transactions: Family = {
  name: 'transactions',
  steps: [
    ...lines(`
      topics {b} --create --topic sequenced
      transactions
      transactions {b}
      transactions list
      transactions {b} find
    `),
    step('console-producer {b} --topic sequenced', { stdin: 'one\ntwo\n' }),
    step('console-producer {b} --topic sequenced --command-property enable.idempotence=false --request-required-acks 1', { stdin: 'three\n' }),
    step('transactions {b} describe-producers --topic sequenced --partition 0', { normalise: printed => printed.replace(/^\d+ /gm, '<id> ') }),
    step('transactions {b} --command-config {dir}/hasty.properties describe-producers --topic sequenced --partition 5', { files: { 'hasty.properties': 'default.api.timeout.ms=500\nrequest.timeout.ms=400\n' } }),
    ...lines(`
      transactions {b} describe-producers --topic sequenced
      transactions {b} list
      transactions {b} list --duration-filter 5
      transactions {b} list --transactional-id-pattern a.*
      transactions {b} list --transactional-id-pattern (
      transactions {b} describe
      transactions {b} describe --transactional-id nobody
      transactions {b} find-hanging
      transactions {b} find-hanging --broker-id 1
      transactions {b} find-hanging --broker-id 7
      transactions {b} find-hanging --topic sequenced
      transactions {b} find-hanging --topic sequenced --partition 0
      transactions {b} find-hanging --topic nobody
      transactions {b} find-hanging --partition 0
      transactions {b} find-hanging --topic sequenced --max-transaction-timeout 5
      transactions {b} abort --topic sequenced --partition 0
      transactions {b} abort --topic sequenced --partition 0 --start-offset 0
      transactions {b} abort --topic sequenced --partition 0 --producer-id 1
      transactions {b} abort --topic sequenced --partition 0 --producer-id 1 --producer-epoch 0
      transactions {b} abort --topic sequenced --partition 0 --producer-id 100 --producer-epoch 0 --coordinator-epoch 0
      transactions {b} forceTerminateTransaction --transactionalId nobody
    `),
  ],
};
