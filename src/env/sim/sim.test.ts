import { expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { diskContract } from '../contract/disk-contract.js';
import { CollectingSink, netContract } from '../contract/net-contract.js';
import type { ByteStream, Disk } from '../index.js';
import { SimRandom, SimStalledError, SimWorld } from './index.js';

/** Lets a world go on by itself while a test that knows nothing of it waits for its promises. */
function selfDriven(world: SimWorld, disk: Disk): Disk {
  const driven = <A extends unknown[], R>(run: (...args: A) => Promise<R>) => (...args: A): Promise<R> => world.runUntil(run(...args));
  return new Proxy(disk, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as (...args: unknown[]) => unknown;
      if (key === 'remove' || key === 'removeTree' || key === 'flushDirectory') return driven(method as () => Promise<unknown>);
      if (key !== 'open') return method;
      return (...args: unknown[]) => {
        const file = method(...args) as ReturnType<Disk['open']>;
        for (const name of ['write', 'read', 'sync', 'truncate'] as const) {
          Object.assign(file, { [name]: driven((file[name] as (...rest: unknown[]) => Promise<unknown>).bind(file)) });
        }
        return file;
      };
    },
  });
}

diskContract('SimDisk', async () => {
  const world = new SimWorld('disk contract');
  const { disk } = world.node('a');
  disk.makeDirectory('/data');
  return { disk: selfDriven(world, disk), directory: '/data' };
});

for (const seed of [1, 2, 3]) {
  netContract(`SimNet, seed ${seed}`, () => {
    const world = new SimWorld(seed);
    return { net: world.node('a').net, host: '127.0.0.1', manyBytes: 1_000_000, until: condition => world.runUntil(condition), settle: () => world.run(100) };
  });
}

test('time goes on from event to event, tasks of a turn run before the next event', async () => {
  const world = new SimWorld(1);
  const { clock } = world.node('a');
  const ran: string[] = [];
  const startMs = clock.nowMs();
  clock.after(86_400_000, () => ran.push('tomorrow'));
  clock.after(10, () => {
    ran.push('first');
    clock.endOfTurn(() => ran.push('end of turn'));
    void Promise.resolve().then(() => ran.push('promise'));
  });
  clock.after(10, () => ran.push('second'));
  clock.after(5, () => ran.push('never'))();
  await world.run(100);
  expect(ran).toEqual(['first', 'promise', 'end of turn', 'second']);
  expect(clock.monotonicMs()).toBe(100);
  await world.runUntil(() => ran.length === 5, 100_000_000);
  expect(clock.nowMs() - startMs).toBe(86_400_000);
});

test('waiting for what cannot come says so, with the seed', async () => {
  const world = new SimWorld('stuck');
  await expect(world.runUntil(() => false)).rejects.toThrow(SimStalledError);
  world.node('a').clock.after(100_000, () => undefined);
  await expect(world.runUntil(() => false, 1000)).rejects.toThrow('not reached within 1000 ms (seed stuck)');
});

/** A bit of everything, with chance in all of it. */
async function scenario(seed: number): Promise<{ digest: string; trace: string }> {
  const world = new SimWorld(seed);
  const [server, client] = [world.node('server'), world.node('client')];
  server.disk.makeDirectory('/data');
  const log = server.disk.open('/data/log', { create: true });
  let position = 0;
  await world.runUntil(server.net.listen({ host: '0.0.0.0', port: 9092 }, stream => {
    const sink = new CollectingSink(40);
    sink.onChange = () => {
      const chunk = sink.chunks.pop();
      if (chunk === undefined) return stream.destroy();
      position += log.writeNow([chunk], position);
      void log.sync().then(async () => server.compute.run('gzip', chunk, {})).then(packed => stream.write([packed]));
    };
    stream.start(sink);
  }));
  const stream = await world.runUntil(client.net.connect({ host: 'server', port: 9092 }));
  const answers = new CollectingSink();
  stream.start(answers);
  for (let i = 0; i < 10; i++) {
    stream.write([client.random.bytes(client.random.int(100)), Buffer.from(`${client.random.int(1000)}`)]);
    await world.run(1);
  }
  await world.run(50);
  server.crash();
  await world.runUntil(() => answers.end !== undefined);
  const after = world.node('server').disk;
  world.trace.record('test', 'left', String(after.stat('/data/log')?.sizeBytes));
  return { digest: world.trace.digest(), trace: world.trace.tail() };
}

test('the same seed gives the same trace, byte for byte, another seed another one', async () => {
  const [first, again, other] = [await scenario(7), await scenario(7), await scenario(8)];
  expect(again.trace).toBe(first.trace);
  expect(again.digest).toBe(first.digest);
  expect(other.digest).not.toBe(first.digest);
});

test('a killed process leaves what it wrote, and nothing that it began goes on', async () => {
  const world = new SimWorld(1);
  const node = world.node('a');
  node.disk.makeDirectory('/d');
  const file = node.disk.open('/d/f', { create: true });
  file.writeNow([Buffer.from('written')], 0);
  const happened: string[] = [];
  node.clock.after(1, () => happened.push('timer'));
  node.clock.endOfTurn(() => happened.push('turn'));
  void file.write([Buffer.from('late')], 7).then(() => happened.push('write'));
  void node.compute.run('gzip', Buffer.alloc(10), {}).then(() => happened.push('compute'));
  await node.disk.lock('/d/.lock');
  node.kill();
  await world.run(1000);
  expect(happened).toEqual([]);
  expect(() => file.writeNow([Buffer.from('zombie')], 0)).toThrow(expect.objectContaining({ name: 'DiskError' }));
  const next = world.node('a');
  expect(next.disk.readFile('/d/f').toString()).toBe('written');
  (await next.disk.lock('/d/.lock')).release();
  expect(next.random.int(2 ** 40)).not.toBe(world.node('b').random.int(2 ** 40));
});

/** Crashes the same workload under many seeds and gives what was found each time. */
async function afterPowerLoss<T>(workload: (disk: Disk, world: SimWorld) => Promise<void>, look: (disk: Disk) => T): Promise<T[]> {
  const found: T[] = [];
  for (let seed = 0; seed < 200; seed++) {
    const world = new SimWorld(seed);
    const node = world.node('a');
    await workload(node.disk, world);
    node.crash();
    found.push(look(world.node('a').disk));
  }
  return found;
}

test('power loss keeps what was synced, and of the rest whole sectors by chance', async () => {
  const found = await afterPowerLoss(async (disk, world) => {
    disk.makeDirectory('/d');
    const file = disk.open('/d/f', { create: true });
    file.writeNow([Buffer.alloc(1000, 's')], 0);
    disk.syncDirectory('/');
    disk.syncDirectory('/d');
    await world.runUntil(file.sync());
    file.writeNow([Buffer.alloc(4096, 'u')], 1000);
  }, disk => disk.readFile('/d/f').toString('latin1'));
  for (const content of found) {
    expect(content.slice(0, 1000)).toBe('s'.repeat(1000));
    const rest = content.slice(1024);
    for (let at = 0; at < rest.length; at += 512) expect(rest.slice(at, at + 512)).toMatch(/^(u*|\0*)$/);
  }
  const kinds = new Set(found.map(content => (content.length === 1000 ? 'lost' : !content.includes('\0') && content.length === 5096 ? 'kept' : 'torn')));
  expect(kinds).toEqual(new Set(['lost', 'kept', 'torn']));
});

test('what is written while a sync runs is not promised', async () => {
  const found = await afterPowerLoss(async (disk, world) => {
    const file = disk.open('/f', { create: true });
    disk.syncDirectory('/');
    file.writeNow([Buffer.alloc(512, '1')], 0);
    const syncing = file.sync();
    file.writeNow([Buffer.alloc(512, '2')], 0);
    await world.runUntil(syncing);
  }, disk => disk.readFile('/f').toString().slice(0, 1));
  expect(new Set(found)).toEqual(new Set(['1', '2']));
});

test('a sync that ends after a later one takes nothing back', async () => {
  const found = await afterPowerLoss(async (disk, world) => {
    const file = disk.open('/f', { create: true });
    disk.syncDirectory('/');
    file.writeNow([Buffer.alloc(1024, '1')], 0);
    const earlier = file.sync();
    file.truncateNow(512);
    file.writeNow([Buffer.alloc(512, '2')], 0);
    await world.runUntil(Promise.all([earlier, file.sync()]));
  }, disk => disk.readFile('/f').toString());
  expect(new Set(found)).toEqual(new Set(['2'.repeat(512)]));
});

test('names last once their directory is synced; before, a rename happens whole or not at all', async () => {
  const found = await afterPowerLoss(async disk => {
    disk.makeDirectory('/d');
    disk.syncDirectory('/');
    for (const [name, text] of [['old', 'o'], ['new', 'n']] as const) {
      const file = disk.open(`/d/${name}`, { create: true });
      file.writeNow([Buffer.from(text)], 0);
      file.syncNow();
    }
    disk.syncDirectory('/d');
    disk.rename('/d/new', '/d/old');
    disk.removeNow('/d/absent');
    disk.open('/d/later', { create: true }).close();
  }, disk => disk.list('/d').map(name => `${name}=${disk.readFile(`/d/${name}`).toString()}`).join(' '));
  // In order: who sees `later` sees the rename.
  expect(new Set(found)).toEqual(new Set(['new=n old=o', 'old=n', 'later= old=n']));
});

test('an atomic replacement leaves the old or the new, never less', async () => {
  const found = await afterPowerLoss(async (disk, world) => {
    disk.writeFileAtomically('/checkpoint', 'old');
    const machine = world.node('a').machine;
    const last = machine.diskOperations + world.random.int(7);
    machine.onDiskOperation = (_, { index }) => (index === last ? { death: 'crash' } : undefined);
    expect(() => {
      disk.writeFileAtomically('/checkpoint', 'newer');
      throw new Error('done');
    }).toThrow();
    machine.onDiskOperation = undefined;
  }, disk => disk.readFile('/checkpoint').toString());
  expect(new Set(found)).toEqual(new Set(['old', 'newer']));
});

test('every operation has a number, can fail with any code, and may be cut short', () => {
  const node = new SimWorld(1).node('a');
  const file = node.disk.open('/f', { create: true });
  const seen: string[] = [];
  node.machine.onDiskOperation = (operation, { index }) => {
    seen.push(`${index} ${operation.kind}`);
    return operation.kind === 'write' ? { code: 'ENOSPC', appliedBytes: 3 } : undefined;
  };
  expect(() => file.writeNow([Buffer.from('01'), Buffer.from('2345')], 0)).toThrow(expect.objectContaining({ code: 'ENOSPC', path: '/f' }));
  expect(node.disk.readFile('/f').toString()).toBe('012');
  file.truncateNow(1);
  expect(seen).toEqual(['1 write', '2 read', '2 truncate']);
});

test('a sector that was written twice may be there as it was in between, the second write being lost', async () => {
  const found = await afterPowerLoss(async disk => {
    const file = disk.open('/f', { create: true });
    disk.syncDirectory('/');
    file.writeNow([Buffer.alloc(512, '1')], 0);
    file.writeNow([Buffer.alloc(100, '2')], 0);
  }, disk => disk.readFile('/f').toString('latin1'));
  const [first, both] = ['1'.repeat(512), '2'.repeat(100) + '1'.repeat(412)];
  expect(new Set(found)).toEqual(new Set(['', '\0'.repeat(512), first, both]));
});

test('sectors in the middle of a file are lost while later ones are kept', async () => {
  const found = await afterPowerLoss(async (disk, world) => {
    const file = disk.open('/f', { create: true });
    file.writeNow([Buffer.alloc(5 * 512, 'o')], 0);
    disk.syncDirectory('/');
    await world.runUntil(file.sync());
    file.writeNow([Buffer.alloc(512, 'n')], 512);
    file.writeNow([Buffer.alloc(512, 'n')], 3 * 512);
  }, disk => [1, 3].map(sector => disk.readFile('/f').toString('latin1', sector * 512, sector * 512 + 1)).join(''));
  expect(new Set(found)).toEqual(new Set(['oo', 'on', 'no', 'nn']));
});

test('a truncation is not durable before the sync; what is written behind it may meet the old bytes', async () => {
  const found = await afterPowerLoss(async (disk, world) => {
    const file = disk.open('/f', { create: true });
    file.writeNow([Buffer.alloc(1024, 'o')], 0);
    disk.syncDirectory('/');
    await world.runUntil(file.sync());
    file.truncateNow(0);
    file.writeNow([Buffer.alloc(512, 'n')], 0);
  }, disk => disk.readFile('/f').toString('latin1').replaceAll(/(.)\1{511}/g, '$1'));
  expect(new Set(found)).toEqual(new Set(['oo', 'n', 'o', 'no']));
});

test('directories that are made or removed last once the one above is synced', async () => {
  const found = await afterPowerLoss(async (disk, world) => {
    disk.makeDirectory('/d/old');
    for (const path of ['/', '/d']) disk.syncDirectory(path);
    await world.runUntil(disk.removeTree('/d/old'));
    disk.makeDirectory('/d/new');
  }, disk => disk.list('/d').join(' '));
  expect(new Set(found)).toEqual(new Set(['old', '', 'new']));
});

test('a sync that failed gives up what it was to write: the next one succeeds without it, and power loss shows it', async () => {
  const lost: boolean[] = [];
  for (let seed = 0; seed < 30; seed++) {
    const world = new SimWorld(seed);
    const node = world.node('a');
    const file = node.disk.open('/f', { create: true });
    node.disk.syncDirectory('/');
    file.writeNow([Buffer.alloc(2048, 'x')], 0);
    node.machine.onDiskOperation = ({ kind }) => (kind === 'sync' ? { code: 'EIO' } : undefined);
    await expect(world.runUntil(file.sync())).rejects.toMatchObject({ code: 'EIO' });
    node.machine.onDiskOperation = undefined;
    file.writeNow([Buffer.alloc(512, 'y')], 2048);
    await world.runUntil(file.sync());
    const whole = 'x'.repeat(2048) + 'y'.repeat(512);
    expect(node.disk.readFile('/f').toString()).toBe(whole);
    // The cache forgets it just so.
    const other = new SimWorld(seed).restore('b', node.machine.image());
    other.durability.dropCaches();
    node.crash({ keep: 1 });
    const left = world.node('a').disk.readFile('/f').toString('latin1');
    expect(left.slice(2048)).toBe('y'.repeat(512));
    expect(other.process().disk.readFile('/f').toString('latin1')).toBe(left);
    lost.push(left !== whole);
  }
  expect(new Set(lost)).toEqual(new Set([true, false]));
});

test('a full disk takes what fits and says ENOSPC; room that is freed can be used', () => {
  const { disk, machine } = new SimWorld(1).node('a');
  machine.capacityBytes = 1000;
  const file = disk.open('/f', { create: true });
  file.writeNow([Buffer.alloc(900, 'a')], 0);
  expect(() => file.writeNow([Buffer.alloc(80, 'b'), Buffer.alloc(80, 'c')], 900)).toThrow(expect.objectContaining({ code: 'ENOSPC', path: '/f' }));
  expect([file.sizeBytes(), disk.usage('/')]).toEqual([1000, { totalBytes: 1000, usableBytes: 0 }]);
  file.writeNow([Buffer.from('over what is there')], 0);
  expect(() => disk.writeFileAtomically('/g', 'x')).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  file.truncateNow(10);
  disk.writeFileAtomically('/g', 'x');
  expect(disk.readFile('/g').toString()).toBe('x');
});

test('reads can fail, also those of a directory; a bit that turned is read as it is, whatever fails then', async () => {
  const world = new SimWorld(1);
  const node = world.node('a');
  const file = node.disk.open('/f', { create: true });
  file.writeNow([Buffer.from('abc')], 0);
  file.syncNow();
  node.disk.syncDirectory('/');
  node.machine.onDiskOperation = ({ kind }) => (kind === 'read' ? { code: 'EIO' } : undefined);
  await expect(world.runUntil(file.read(Buffer.alloc(3), 0, 3, 0))).rejects.toMatchObject({ name: 'DiskError', code: 'EIO' });
  for (const read of [() => node.disk.readFile('/f'), () => node.disk.list('/'), () => file.readNow(Buffer.alloc(3), 0, 3, 0)]) {
    expect(read).toThrow(expect.objectContaining({ code: 'EIO' }));
  }
  node.machine.onDiskOperation = undefined;
  node.machine.rot('/f', 1);
  expect(node.disk.readFile('/f').toString()).toBe('acc');
  node.crash();
  expect(world.node('a').disk.readFile('/f').toString()).toBe('acc');
});

test('an image is a disk of its own, with what is not durable yet', () => {
  const world = new SimWorld(1);
  const node = world.node('a');
  const file = node.disk.open('/f', { create: true });
  file.writeNow([Buffer.from('one')], 0);
  const image = node.machine.image();
  file.writeNow([Buffer.from('two')], 0);
  node.disk.rename('/f', '/g');
  const [kept, lost] = [new SimWorld(2).restore('b', image), new SimWorld(3, { beginsAtMs: 500 }).restore('b', image)];
  expect(kept.process().disk.readFile('/f').toString()).toBe('one');
  lost.process().crash({ keep: 0 });
  expect(lost.process().disk.list('/')).toEqual([]);
  expect([lost.process().clock.monotonicMs(), kept.process().disk.list('/'), node.disk.list('/')]).toEqual([500, ['f'], ['g']]);
});

test('a cut link holds back what is sent until it heals, and connecting through it times out', async () => {
  const world = new SimWorld(3);
  const [a, b] = [world.node('a'), world.node('b')];
  const accepted: ByteStream[] = [];
  await world.runUntil(b.net.listen({ host: '0.0.0.0', port: 1 }, stream => accepted.push(stream)));
  const stream = await world.runUntil(a.net.connect({ host: 'b', port: 1 }));
  expect(accepted[0]!.remoteAddress).toBe('10.0.0.1');
  const [atB, atA] = [new CollectingSink(), new CollectingSink()];
  accepted[0]!.start(atB);
  stream.start(atA);
  world.network.cut('a', 'b');
  stream.write([Buffer.from('held')]);
  accepted[0]!.write([Buffer.from('through')]);
  await world.run(1000);
  expect([atB.text, atA.text]).toEqual(['', 'through']);
  const attempt = a.net.connect({ host: 'b', port: 1, timeoutMs: 50 });
  await expect(world.runUntil(attempt)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  world.network.heal('a', 'b');
  await world.runUntil(() => atB.text === 'held');
  world.network.reset('a', 'b');
  await world.runUntil(() => atB.end !== undefined && atA.end !== undefined);
  await expect(world.runUntil(a.net.connect({ host: 'nowhere', port: 1 }))).rejects.toMatchObject({ code: 'ENOTFOUND' });
});

test('compute gives what the real one gives, and bounds it', async () => {
  const world = new SimWorld(1);
  const { compute } = world.node('a');
  const packed = gzipSync(Buffer.alloc(1000, 'x'));
  expect((await world.runUntil(compute.run('gunzip', packed, {}))).length).toBe(1000);
  await expect(world.runUntil(compute.run('gunzip', packed, { maxOutputBytes: 10 }))).rejects.toMatchObject({ name: 'OutputTooLargeError' });
  await expect(world.runUntil(compute.run('zstdCompress', packed, {}))).rejects.toThrow('zstdCompress');
});

test('seeded numbers repeat, keep to their bounds and differ by seed', () => {
  const draw = (seed: string): number[] => {
    const random = new SimRandom(seed);
    return Array.from({ length: 1000 }, () => random.int(10));
  };
  expect(draw('a')).toEqual(draw('a'));
  expect(draw('a')).not.toEqual(draw('b'));
  const counts = Array.from({ length: 10 }, () => 0);
  for (const drawn of draw('c')) counts[drawn]!++;
  for (const count of counts) expect(count).toBeGreaterThan(50);
});
