// The clients that pipelines are made of.

import { join } from 'node:path';
import { GO_PIPELINES, JAVA_CLASSPATH, PYTHON, QUIET_JAVA, ROOT } from '../support/toolchains.js';
import type { GroupProtocol, PipelineClient } from './pipeline.js';

const python = (name: string, file: string, ...groupProtocols: GroupProtocol[]): PipelineClient => ({
  name, toolchain: 'python', command: PYTHON, args: [join(ROOT, 'compat-tests/soak-eos/clients', file)], groupProtocols,
});

export const PIPELINE_CLIENTS: readonly PipelineClient[] = [
  {
    name: 'Java clients', toolchain: 'java', command: 'java', args: [...QUIET_JAVA, '-Xmx256m', '-cp', JAVA_CLASSPATH, 'ottla.transactions.Pipelines'],
    groupProtocols: ['classic', 'consumer'],
  },
  {
    name: 'kafkajs', toolchain: null, command: process.execPath,
    args: ['--enable-source-maps', join(ROOT, 'build/tests/compat-tests/soak-eos/clients/kafkajs.main.mjs')], groupProtocols: ['classic'],
  },
  python('confluent-kafka-python', 'librdkafka_pipeline.py', 'classic', 'consumer'),
  python('aiokafka', 'aiokafka_pipeline.py', 'classic'),
  { name: 'franz-go', toolchain: 'go', command: GO_PIPELINES, args: [], groupProtocols: ['classic', 'consumer'] },
];
