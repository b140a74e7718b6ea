// A jest reporter that ends a run with what a person wants to know last: the reports that tests wrote, what was skipped
// and why, and the totals. Where CI=true nothing may be skipped for want of a toolchain.
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

function filesIn(folder, isWanted = () => true) {
  return existsSync(folder) ? readdirSync(folder).filter(isWanted).sort().map(name => readFileSync(join(folder, name), 'utf8')) : [];
}

/**
 * How many versions of APIs a broker has answered to a compatibility test, of all that it advertises: `compat/api-coverage` in `build` has
 * `advertised.json` ([{key, name, min, max}]) and files of answered versions, `key version` a line. undefined when nobody has noted them.
 */
export function apiCoverage(build) {
  const folder = join(build, 'compat/api-coverage');
  const [advertised] = filesIn(folder, name => name === 'advertised.json');
  if (advertised === undefined) return undefined;
  const answered = new Set(filesIn(folder, name => name.endsWith('.txt')).flatMap(text => text.split('\n')));
  const pairs = JSON.parse(advertised).flatMap(({ key, name, min, max }) =>
    Array.from({ length: max - min + 1 }, (_, index) => ({ name, version: min + index, isAnswered: answered.has(`${key} ${min + index}`) })));
  const left = pairs.filter(({ isAnswered }) => !isAnswered).map(({ name, version }) => `${name} v${version}`);
  return `api coverage ${pairs.length - left.length} of ${pairs.length}${left.length === 0 ? '' : `; not asked: ${left.join(', ')}`}`;
}

/** `build` is the folder in which tests leave `skipped/*.json` ({what, reason}) and `reports/*.txt`. */
export function summarize(build, results, isCi) {
  const skipped = filesIn(join(build, 'skipped')).map(text => JSON.parse(text));
  for (const file of results.testResults) {
    for (const test of file.testResults) {
      if (test.status === 'pending' || test.status === 'todo') skipped.push({ what: test.fullName, reason: `marked '${test.status}' in the test file` });
    }
  }
  const coverage = apiCoverage(build);
  const lines = [...filesIn(join(build, 'reports')), ...(coverage === undefined ? [] : [coverage])].flatMap(text => [text.trimEnd(), '']);
  if (skipped.length === 0) lines.push('Nothing was skipped.');
  else lines.push('Skipped:', ...skipped.map(({ what, reason }) => `  ${what}: ${reason.split('\n')[0]}`));
  const broken = results.testResults.filter(file => file.testExecError !== undefined).length;
  const failed = results.numFailedTests + broken + (isCi ? skipped.length : 0);
  if (isCi && skipped.length > 0) lines.push('CI=true: what is skipped counts as failed.');
  lines.push(`tests: ${results.numPassedTests} passed, ${failed} failed, ${skipped.length} skipped`);
  return { text: lines.join('\n'), failed };
}

export default class TestSummary {
  failed = 0;

  constructor(config) {
    this.rootDir = config.rootDir;
  }

  onRunStart() {
    for (const folder of ['skipped', 'reports', 'compat/api-coverage']) rmSync(join(this.rootDir, 'build', folder), { recursive: true, force: true });
  }

  onRunComplete(_contexts, results) {
    // Chosen tests (ARGS='-t name') leave the others pending: that is no news.
    const isNarrowed = process.argv.some(argument => argument === '-t' || argument.startsWith('--testNamePattern'));
    const { text, failed } = summarize(join(this.rootDir, 'build'), isNarrowed ? { ...results, testResults: [] } : results, process.env.CI === 'true');
    this.failed = failed;
    // After jest's own totals, which come when all reporters are done.
    process.once('exit', () => console.log(`\n${text}`));
  }

  getLastError() {
    return this.failed > 0 ? new Error(`${this.failed} failed`) : undefined;
  }
}
