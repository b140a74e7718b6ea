import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { diskContract } from '../contract/disk-contract.js';
import { MemoryDisk } from './memory-disk.js';
import { PagedBytes } from './paged-bytes.js';

diskContract('MemoryDisk', async () => {
  const disk = new MemoryDisk();
  disk.makeDirectory('/data');
  return { disk, directory: '/data' };
});

test('paged bytes are what one long array would be, whatever is written, cut and read', () => {
  const position = fc.integer({ min: 0, max: 200_000 });
  const step = fc.oneof(
    fc.record({ write: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 3 }), position, limit: fc.option(fc.nat(100), { nil: undefined }) }),
    fc.record({ resize: position }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), steps => {
    const paged = new PagedBytes();
    const plain = Buffer.alloc(400_000);
    let size = 0;
    for (const action of steps) {
      if ('resize' in action) {
        paged.resize(action.resize);
        size = action.resize;
        plain.fill(0, size);
        continue;
      }
      const bytes = Buffer.concat(action.write).subarray(0, action.limit ?? Infinity);
      expect(paged.write(action.write, action.position, action.limit)).toBe(bytes.length);
      bytes.copy(plain, action.position);
      if (bytes.length > 0) size = Math.max(size, action.position + bytes.length);
    }
    expect(paged.length).toBe(size);
    expect(paged.slice().equals(plain.subarray(0, size))).toBe(true);
  }));
});
