// The clients of the matrix, and what each of them is known not to do.

import { join } from 'node:path';
import { GO_CLIENT, JAVA_CLASSPATH, QUIET_JAVA, PYTHON, ROOT, type Toolchain } from '../support/toolchains.js';
import { ProgramDriver, type ClientDriver } from './driver.js';
import { KcatDriver } from './kcat.js';
import type { Step } from './scenario.js';

export interface Client {
  name: string;
  /** What the machine must have; null when Node.js is enough. */
  toolchain: Toolchain | null;
  /** Steps that the client has no means for, whatever the codec. All others must succeed. */
  cannot: Partial<Record<Step, string>>;
  start(bootstrap: string): ClientDriver;
}

const program = (name: string, toolchain: Toolchain | null, command: string, args: readonly string[]): Client => ({
  name, toolchain, cannot: {}, start: bootstrap => new ProgramDriver(command, args, bootstrap),
});

const java = (name: string, main: string, ...args: string[]) =>
  program(name, 'java', 'java', [...QUIET_JAVA, '-Xmx256m', '-cp', JAVA_CLASSPATH, main, ...args]);
const python = (name: string, file: string) => program(name, 'python', PYTHON, [join(ROOT, 'compat-tests/clients/python', file)]);

export const CLIENTS: readonly Client[] = [
  program('kafkajs', null, process.execPath, [join(ROOT, 'build/tests/compat-tests/clients/kafkajs.main.mjs')]),
  {
    name: 'kcat', toolchain: 'kcat', cannot: { create: 'kcat has no command that creates a topic' }, start: bootstrap => new KcatDriver(bootstrap),
  },
  java('Java clients', 'ottla.clients.JavaClients', 'classic'),
  java('Java consumer protocol', 'ottla.clients.JavaClients', 'consumer'),
  java('Java console tools', 'ottla.clients.ConsoleTools'),
  python('confluent-kafka-python', 'confluent.py'),
  python('kafka-python', 'kafka_python.py'),
  program('franz-go', 'go', GO_CLIENT, []),
];
