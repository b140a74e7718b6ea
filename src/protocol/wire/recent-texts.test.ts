import { expect, test } from '@jest/globals';
import { RecentTexts } from './recent-texts.js';

test('a text is what its bytes say, whatever was read before it', () => {
  const recent = new RecentTexts();
  // Far more than are kept; neighbours share length, first and last byte, and so their place.
  const texts = Array.from({ length: 3000 }, (_, index) => `t${String(index).padStart(4, '0')}s`);
  for (const text of [...texts, ...texts.slice().reverse(), 'ü', 'üü', '', 'x'.repeat(64), 'x'.repeat(65)]) {
    const bytes = Buffer.from(`<${text}>`);
    expect(recent.read(bytes, 1, bytes.length - 2)).toBe(text);
    expect(recent.read(bytes, 1, bytes.length - 2)).toBe(text);
  }
});

test('a text outlives the bytes that it was read from', () => {
  const recent = new RecentTexts();
  const bytes = Buffer.from('orders');
  const text = recent.read(bytes, 0, 6);
  bytes.write('ordeXs');
  expect(text).toBe('orders');
  expect(recent.read(bytes, 0, 6)).toBe('ordeXs');
  expect(recent.read(Buffer.from('orders'), 0, 6)).toBe('orders');
});

test('bytes that are no UTF-8 read as they do elsewhere', () => {
  const recent = new RecentTexts();
  const bytes = Buffer.from([0xff, 0x41, 0xc3]);
  for (let turn = 0; turn < 2; turn++) expect(recent.read(bytes, 0, 3)).toBe(bytes.toString('utf8'));
});
