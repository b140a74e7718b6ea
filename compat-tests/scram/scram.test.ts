// Credentials that Apache's kafka-configs sets: kept over a restart, and read by Apache's tools where they lie.

import { afterAll, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { brokerUnderTest } from '../support/brokers.js';
import { dumpLog } from '../support/dump-log.js';
import { withJava } from '../support/java-tests.js';
import { mustRun, run } from '../support/processes.js';
import { JAVA_CLASSPATH, QUIET_JAVA } from '../support/toolchains.js';

const TIMEOUT_MS = 120_000;

const java = withJava('SCRAM credentials by Apache Kafka\'s tools');

const broker = brokerUnderTest({}, 'ottla');
afterAll(() => broker.remove(), TIMEOUT_MS);

const tool = (...flags: string[]) => ['-cp', JAVA_CLASSPATH, 'kafka.admin.ConfigCommand', '--bootstrap-server', broker.bootstrap, '--entity-type', 'users', ...flags];

java.describe('kafka-configs', () => {
  test('sets, describes and deletes credentials; a restart and kafka-dump-log find those that are left', async () => {
    await broker.start();
    await mustRun('java', [...QUIET_JAVA, ...tool('--alter', '--entity-name', 'alice', '--add-config', 'SCRAM-SHA-256=[iterations=8192,password=secret]')]);
    await mustRun('java', [...QUIET_JAVA, ...tool('--alter', '--entity-name', 'alice', '--add-config', 'SCRAM-SHA-512=[password=secret]')]);
    await mustRun('java', [...QUIET_JAVA, ...tool('--alter', '--entity-name', 'alice', '--delete-config', 'SCRAM-SHA-512')]);
    const refused = await run('java', [...QUIET_JAVA, ...tool('--alter', '--entity-name', 'alice', '--delete-config', 'SCRAM-SHA-512')]);
    expect(refused.stdout + refused.stderr).toContain('Attempt to delete a user credential that does not exist');

    await broker.stop();
    await broker.start();
    const { stdout } = await mustRun('java', [...QUIET_JAVA, ...tool('--describe', '--entity-name', 'alice')]);
    expect(stdout).toContain("SCRAM credential configs for user-principal 'alice' are SCRAM-SHA-256=iterations=8192");
    expect(stdout).not.toContain('SCRAM-SHA-512');

    await broker.stop();
    const metadata = join(broker.dataDir, '__cluster_metadata-0');
    const dump = await dumpLog(readdirSync(metadata).filter(name => name.endsWith('.log')).map(name => join(metadata, name)), '--cluster-metadata-decoder');
    expect(dump.faults).toBe('');
    expect(dump.stdout.match(/"type":"USER_SCRAM_CREDENTIAL_RECORD"/g)).toHaveLength(2);
    expect(dump.stdout).toMatch(/"type":"REMOVE_USER_SCRAM_CREDENTIAL_RECORD","version":0,"data":\{"name":"alice","mechanism":2\}/);
  }, TIMEOUT_MS);
});
