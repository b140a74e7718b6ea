import { test } from '@jest/globals';

import { formatFailure, tryLife } from './random-life.js';


const SEEDS = Number(process.env['SIM_LOG_SEEDS'] ?? 300);

test(`${SEEDS} random lives of logs are what a plain list says`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const failure = await tryLife(seed);
    if (failure) throw new Error(formatFailure(failure));
  }
}, 60_000 + SEEDS * 1000);
