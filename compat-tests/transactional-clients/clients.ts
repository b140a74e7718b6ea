// The clients of the transactional scenario: those of today, and older ones that speak older versions.

import { join } from 'node:path';
import { GO_TRANSACTIONAL, JAVA_CLASSES, JAVA_CLASSPATH, OLD_JAVA_LIB, OLD_PYTHON, PYTHON, QUIET_JAVA, ROOT, type Toolchain } from '../support/toolchains.js';
import { TransactionalDriver } from './driver.js';

export interface TransactionalClient {
  readonly name: string;
  /** What the machine must have; null when Node.js is enough. */
  readonly toolchain: Toolchain | null;
  /** It does as the cluster's `transaction.version` says, and what it does then is of interest too. */
  readonly heedsVersion?: true;
  start(bootstrap: string): TransactionalDriver;
}

function client(name: string, toolchain: Toolchain | null, command: string, args: readonly string[]): TransactionalClient {
  return { name, toolchain, start: bootstrap => new TransactionalDriver(command, args, bootstrap) };
}

const java = (name: string, classPath: string) =>
  client(name, 'java', 'java', [...QUIET_JAVA, '-Xmx256m', '-cp', classPath, 'ottla.transactions.TransactionalClient']);

const python = (name: string, interpreter: string, toolchain: Toolchain, file: string) =>
  client(name, toolchain, interpreter, [join(ROOT, 'compat-tests/clients/python', file)]);

const go = (name: string, ...args: string[]) => client(name, 'go', GO_TRANSACTIONAL, args);

/** Versions of the old ones stand in compat-tests/java/old/pom.xml and compat-tests/clients/python/requirements-old.txt. */
export const TRANSACTIONAL_CLIENTS: readonly TransactionalClient[] = [
  client('kafkajs', null, process.execPath, [join(ROOT, 'build/tests/compat-tests/transactional-clients/kafkajs.main.mjs')]),
  { ...java('Java clients', JAVA_CLASSPATH), heedsVersion: true },
  java('Java clients 3.9', `${JAVA_CLASSES}:${OLD_JAVA_LIB}/*`),
  python('confluent-kafka-python', PYTHON, 'python', 'transactional_confluent.py'),
  python('confluent-kafka-python 2.0', OLD_PYTHON, 'old python', 'transactional_confluent.py'),
  python('kafka-python', PYTHON, 'python', 'transactional_kafka_python.py'),
  python('kafka-python 2.2', OLD_PYTHON, 'old python', 'transactional_kafka_python.py'),
  python('aiokafka', PYTHON, 'python', 'transactional_aiokafka.py'),
  python('aiokafka 0.10', OLD_PYTHON, 'old python', 'transactional_aiokafka.py'),
  { ...go('franz-go'), heedsVersion: true },
  go('franz-go as of 0.11', '--as', '0.11.0'),
  go('franz-go as of 2.5', '--as', '2.5'),
  go('franz-go as of 3.8', '--as', '3.8'),
];
