import { expect, test } from '@jest/globals';
test('tests run', () => { expect(1 + 1).toBe(2); });
