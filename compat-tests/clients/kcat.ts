// kcat is a command for one thing at a time: each call here is one run of it.

import { Process, mustRun, within } from '../support/processes.js';
import { CannotDo, type ClientDriver, type Codec, type Reader } from './driver.js';

const LEAVE_TIMEOUT_MS = 20_000;

export class KcatDriver implements ClientDriver {
  private readonly members = new Map<string, Process>();

  constructor(readonly bootstrap: string) {}

  createTopic(): Promise<void> {
    return Promise.reject(new CannotDo('kcat has no command that creates a topic'));
  }

  async produce(topic: string, codec: Codec, file: string): Promise<void> {
    await mustRun('kcat', [
      '-P', '-b', this.bootstrap, '-t', topic, '-K', '\t', '-z', codec, '-X', 'acks=all', '-X', 'enable.idempotence=true',
      '-X', 'topic.metadata.refresh.fast.interval.ms=50', '-l', file,
    ]);
  }

  join(member: string, group: string, topic: string, commits: boolean, reader: Reader): Promise<void> {
    let lines: string[] = [];
    const running = new Process('kcat', [
      '-b', this.bootstrap, '-u', '-q', '-E', '-f', '%p\t%o\t%k\t%s\n',
      '-X', 'auto.offset.reset=earliest', '-X', `enable.auto.offset.store=${commits}`, '-X', 'auto.commit.interval.ms=200',
      '-X', 'heartbeat.interval.ms=300', '-X', 'session.timeout.ms=10000', '-X', 'reconnect.backoff.max.ms=200', '-G', group, topic,
    ], {
      onLine: line => {
        // Lines come one by one from the pipe; hand over what one turn of the event loop brought.
        if (lines.length === 0) {
          setImmediate(() => {
            const batch = lines;
            lines = [];
            reader.read(batch);
          });
        }
        lines.push(line);
      },
    });
    this.members.set(member, running);
    void running.ended.then(() => {
      if (this.members.get(member) === running) reader.failed(`kcat ended:\n${running.errorTail()}`);
    });
    return Promise.resolve();
  }

  async leave(member: string): Promise<void> {
    const running = this.members.get(member);
    if (running === undefined) return;
    this.members.delete(member);
    running.signal('SIGTERM');
    try {
      await within(LEAVE_TIMEOUT_MS, running.ended, () => `kcat does not end:\n${running.errorTail()}`);
    } finally {
      await running.kill();
    }
  }

  async stop(): Promise<void> {
    const left = [...this.members.values()];
    this.members.clear();
    await Promise.all(left.map(member => member.kill()));
  }
}
