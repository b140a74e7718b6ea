// The clients that pipelines are made of.

import { JAVA_CLASSPATH, QUIET_JAVA } from '../support/toolchains.js';
import type { PipelineClient } from './pipeline.js';

export const PIPELINE_CLIENTS: readonly PipelineClient[] = [
  {
    name: 'Java clients', toolchain: 'java', command: 'java', args: [...QUIET_JAVA, '-Xmx256m', '-cp', JAVA_CLASSPATH, 'ottla.transactions.Pipelines'],
    groupProtocols: ['classic', 'consumer'],
  },
];
