import { expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Results {
  numPassedTests: number;
  numFailedTests: number;
  testResults: { testExecError?: Error; testResults: { status: string; fullName: string }[] }[];
}

const { summarize } = await import(pathToFileURL(join(process.cwd(), 'src/tooling/test-summary.mjs')).href) as {
  summarize: (build: string, results: Results, isCi: boolean) => { text: string; failed: number };
};

const passed = (count: number): Results => ({ numPassedTests: count, numFailedTests: 0, testResults: [] });

function withBuild(files: Record<string, string>, use: (build: string) => void): void {
  const build = mkdtempSync(join(tmpdir(), 'test-summary-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(build, path, '..'), { recursive: true });
      writeFileSync(join(build, path), text);
    }
    use(build);
  } finally {
    rmSync(build, { recursive: true });
  }
}

const noGo = { 'skipped/go.json': JSON.stringify({ what: 'toolchain go', reason: "'go' was not found\nand more" }) };

test('what was skipped is listed with its reason, and is no failure on a person\'s machine', () => {
  withBuild(noGo, build => {
    const { text, failed } = summarize(build, passed(3), false);
    expect(text).toContain("Skipped:\n  toolchain go: 'go' was not found\n");
    expect(text).toMatch(/^tests: 3 passed, 0 failed, 1 skipped$/m);
    expect(failed).toBe(0);
  });
});

test('the same is a failure where CI=true', () => {
  withBuild(noGo, build => {
    const { text, failed } = summarize(build, passed(3), true);
    expect(failed).toBe(1);
    expect(text).toMatch(/^tests: 3 passed, 1 failed, 1 skipped$/m);
  });
});

test('a test that is marked to be skipped is listed too', () => {
  withBuild({}, build => {
    const results = { ...passed(1), testResults: [{ testResults: [{ status: 'pending', fullName: 'later' }] }] };
    expect(summarize(build, results, false).text).toContain("later: marked 'pending' in the test file");
  });
});

test('a test file that does not run counts as failed', () => {
  withBuild({}, build => {
    expect(summarize(build, { ...passed(1), testResults: [{ testExecError: new Error('no'), testResults: [] }] }, false).failed).toBe(1);
  });
});

test('reports are printed in the order of their names, and nothing skipped is said', () => {
  withBuild({ 'reports/b.txt': 'second\n', 'reports/a.txt': 'first\n' }, build => {
    expect(summarize(build, passed(1), true).text).toMatch(/first\n\nsecond\n\nNothing was skipped\.\ntests: 1 passed, 0 failed, 0 skipped$/);
  });
});

test('versions of APIs that were answered are counted out of those that are advertised', () => {
  const files = {
    'compat/api-coverage/1.txt': '3 0\n18 4\n',
    'compat/api-coverage/2.txt': '3 0\n3 2\n99 1\n',
  };
  withBuild(files, build => expect(summarize(build, passed(1), false).text).not.toContain('api coverage'));
  const advertised = JSON.stringify([{ key: 3, name: 'Metadata', min: 0, max: 2 }, { key: 18, name: 'ApiVersions', min: 4, max: 4 }]);
  withBuild({ ...files, 'compat/api-coverage/advertised.json': advertised }, build => {
    expect(summarize(build, passed(1), false).text).toContain('api coverage 3 of 4; not asked: Metadata v1\n');
  });
});
