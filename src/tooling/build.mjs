// Builds the project: specs -> generated codec, then the bundles that bin/ottla and importers load.
//   node src/tooling/build.mjs [codegen|bundle|tests|types]...   (no argument: codegen, bundle and types)
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = new URL('../..', import.meta.url).pathname;

/** Packages that stay outside the bundle: natives, and what is loaded only when it is there. */
const external = ['@node-rs/crc32', 'lz4-napi', 'zstd-napi', '@bokuweb/zstd-wasm'];

/** An ESM bundle that holds CommonJS packages needs a `require`. */
const esmBanner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
};
/** A CommonJS bundle has no import.meta; the sources that load natives ask it for their address. */
const cjsBanner = { js: "const __importMetaUrl = require('node:url').pathToFileURL(__filename).href;" };

const common = { absWorkingDir: root, bundle: true, platform: 'node', target: 'node20.19', external, logLevel: 'warning', sourcemap: true };

/** A worker thread's own bundle, which `src/env/node/worker-entry.ts` looks for at this address from where it is bundled. */
const worker = { in: 'src/worker/main.ts', out: 'worker' };
const workerAt = address => ({ OTTLA_WORKER_ENTRY: JSON.stringify(address) });

async function codegen() {
  if (!existsSync(join(root, 'src/codegen/main.ts'))) return;
  await build({ ...common, entryPoints: ['src/codegen/main.ts'], outfile: 'build/codegen.mjs', format: 'esm', banner: esmBanner });
  execFileSync(process.execPath, ['build/codegen.mjs'], { cwd: root, stdio: 'inherit' });
}

async function bundle() {
  const entry = 'src/index.ts';
  if (!existsSync(join(root, entry))) return;
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  // The command is split in chunks so that what a start does not need (yargs, winston) is not even parsed.
  const esm = build({
    ...common, format: 'esm', splitting: true, outdir: 'dist', outExtension: { '.js': '.mjs' }, banner: esmBanner,
    minifySyntax: true, minifyWhitespace: true,
    entryPoints: [{ in: entry, out: 'index' }, { in: 'src/cli/main.ts', out: 'cli' }, worker], define: workerAt('./worker.mjs'),
  });
  const cjs = build({
    ...common, format: 'cjs', entryPoints: [entry], outfile: 'dist/index.cjs', banner: cjsBanner,
    define: { 'import.meta.url': '__importMetaUrl', ...workerAt('./worker.mjs') }, minifySyntax: true, minifyWhitespace: true,
  });
  await Promise.all([esm, cjs]);
}

function filesBelow(folder, matches) {
  const found = [];
  if (!existsSync(join(root, folder))) return found;
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'target') continue;
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...filesBelow(path, matches));
    else if (matches.test(entry.name)) found.push(path);
  }
  return found;
}

/** One bundle with shared chunks for all tests: real ESM, and generated code is parsed once a file. */
async function tests() {
  const files = ['src', 'compat-tests'].flatMap(folder => filesBelow(folder, /\.(test|main)\.ts$/));
  const entryPoints = [...files.map(file => ({ in: file, out: file.replace(/\.ts$/, '') })), worker];
  rmSync(join(root, 'build/tests'), { recursive: true, force: true });
  for (const folder of ['src', 'compat-tests']) mkdirSync(join(root, 'build/tests', folder), { recursive: true });
  await build({
    ...common, entryPoints, outdir: 'build/tests', outbase: '.', format: 'esm', splitting: true, packages: 'external',
    define: workerAt(pathToFileURL(join(root, 'build/tests/worker.mjs')).href),
    outExtension: { '.js': '.mjs' }, sourcemap: 'linked', chunkNames: 'chunks/[name]-[hash]',
  });
}

/** The declarations that a file needs, itself first: the package should not show what nobody can import. */
function reachable(folder, file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  const imports = readFileSync(join(folder, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)\.js'/g);
  for (const [, path] of imports) reachable(folder, join(dirname(file), `${path}.d.ts`), found);
  return found;
}

/**
 * Declarations for importers of the package, twice: TypeScript tells by the nearest package.json whether a declaration is
 * of an ES module or of CommonJS.
 */
function types() {
  if (!existsSync(join(root, 'src/index.ts'))) return;
  const emitted = join(root, 'build/types');
  rmSync(emitted, { recursive: true, force: true });
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'src/tooling/tsconfig.types.json'], { cwd: root, stdio: 'inherit' });
  rmSync(join(root, 'dist/types'), { recursive: true, force: true });
  for (const file of reachable(emitted, 'index.d.ts')) {
    for (const kind of ['esm', 'cjs']) cpSync(join(emitted, file), join(root, 'dist/types', kind, file));
  }
  writeFileSync(join(root, 'dist/types/cjs/package.json'), '{ "type": "commonjs" }\n');
}

const steps = { codegen, bundle, tests, types };
const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : ['codegen', 'bundle', 'types']) {
  if (!(name in steps)) throw new Error(`unknown build step '${name}': one of ${Object.keys(steps).join(', ')}`);
  await steps[name]();
}
