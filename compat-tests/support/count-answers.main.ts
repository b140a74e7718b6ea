// Loaded into a broker's process before anything else: notes what it answers. Tests start in the repository, brokers elsewhere.

import { fileURLToPath } from 'node:url';
import { countAnswers } from './api-coverage.js';

countAnswers(fileURLToPath(new URL('../../../..', import.meta.url)));
