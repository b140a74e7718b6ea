// Tests run as the ESM that `build.mjs tests` wrote; jest transforms nothing.
import { fileURLToPath } from 'node:url';

const rootDir = fileURLToPath(new URL('../..', import.meta.url));

const project = (displayName, folder) => ({
  displayName,
  rootDir,
  roots: [`<rootDir>/build/tests/${folder}`],
  testMatch: ['**/*.test.mjs'],
  transform: {},
  testEnvironment: 'node',
  moduleFileExtensions: ['mjs', 'js', 'cjs', 'json', 'node'],
});

export default {
  rootDir,
  testTimeout: 30_000,
  reporters: ['default', '<rootDir>/src/tooling/test-summary.mjs'],
  projects: [project('unit', 'src'), project('compat', 'compat-tests')],
};
