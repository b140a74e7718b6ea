// Started and killed by processes.test.ts: prints the pids of a child and of the child's child, and waits.

import { Process } from './processes.js';

let grandchild = '';
const child = new Process('sh', ['-c', 'sleep 600 & echo $!; wait'], {
  onLine: line => {
    grandchild = line;
    process.stdout.write(`${child.pid} ${grandchild}\n`);
  },
});
await child.ended;
