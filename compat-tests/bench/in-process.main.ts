// Prints, as JSON, the milliseconds from startBroker({ port: 0 }) to the first acknowledged record, for each of several
// brokers one after the other in this process.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeFirstRecord } from './first-record.js';

interface Broker {
  bootstrapServers: string;
  close(): Promise<void>;
}

const { startBroker } = await import(pathToFileURL(join(process.cwd(), 'dist/index.mjs')).href) as { startBroker: (options: { port: number }) => Promise<Broker> };
const times: number[] = [];
for (let round = 0; round < Number(process.argv[2]); round++) {
  const startMs = performance.now();
  const broker = await startBroker({ port: 0 });
  const [host, port] = broker.bootstrapServers.split(':');
  await writeFirstRecord({ host: host!, port: Number(port) });
  times.push(performance.now() - startMs);
  await broker.close();
}
process.stdout.write(JSON.stringify(times));
