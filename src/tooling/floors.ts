/**
 * The rules of the house that no linter knows: imports run downward, nothing imports in circles, files and lines stay short, and the pure ones
 * touch no time, chance or world. `checkHouse` reads a source tree and names every breach; `floors.test.ts` plants one of each kind.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Folders of a floor may import from lower floors, and from their own floor only where `beside` says so. */
export const FLOORS: readonly (readonly string[])[] = [
  ['base', 'env', 'codegen'],
  ['protocol', 'config'],
  ['log', 'metadata'],
  ['runtime', 'raft', 'replication'],
  ['controller', 'coordinator'],
  ['server'],
  ['broker'],
  ['testing', 'cli', 'worker', 'index.ts'],
];

/** The few imports within a floor that are meant, written `from -> to`. */
export const BESIDE: ReadonlySet<string> = new Set([
  'env -> base',
  'config -> protocol',
  'raft -> runtime',
  'replication -> runtime',
  'testing -> index.ts',
  'index.ts -> testing',
  'cli -> testing',
  // The table of jobs, which serves on this thread where no other can be had.
  'testing -> worker',
]);

/** Where purity is demanded: a folder or a file, less the files that drive the pure ones. */
export const PURE: readonly { at: string; except?: readonly string[] }[] = [
  { at: 'metadata', except: ['loader.ts'] },
  { at: 'runtime/machine.ts' },
  { at: 'raft/step.ts' },
  { at: 'controller', except: ['controller-api.ts', 'format.ts', 'testing/cluster.ts'] },
  { at: 'coordinator/group', except: ['service.ts'] },
  { at: 'coordinator/transaction', except: ['service.ts', 'types.ts'] },
  { at: 'replication/partition-state.ts' },
];

const FORBIDDEN_WHEN_PURE: readonly [RegExp, string][] = [
  [/\basync\b|\bawait\b|\bPromise\b/, 'promises'],
  [/\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b|\bqueueMicrotask\b/, 'timers'],
  [/\bDate\b|\bperformance\b|\bhrtime\b/, 'the clock'],
  [/\bMath\.random\b|\bcrypto\b/, 'chance'],
  [/\bprocess\b|\bglobalThis\b|\bconsole\b|\bfetch\(/, 'the world'],
];

/** Lines of a file. What is longer hides more than one thing; tests have more to spell out. */
const MOST_LINES = { ofCode: 500, ofTests: 700 };
/** Characters of a line. What is longer is read by nobody to its end. */
const MOST_CHARACTERS = 200;

interface Import {
  /** As written. */
  readonly specifier: string;
  /** Path below the root, when it is ours. */
  readonly target: string | undefined;
  readonly typeOnly: boolean;
}

/** Every breach in the tree at `root` (a `src` folder), a line each; none means that the house stands. */
export function checkHouse(root: string): string[] {
  const files = sourceFiles(root);
  const graph = new Map(files.map(file => [file, importsOf(root, file)]));
  return [...floorBreaches(graph), ...cycles(graph), ...purityBreaches(root, graph), ...longFiles(root), ...longLines(root)];
}

/** Every file of TypeScript below `root` with too many lines, but for generated ones. */
export function longFiles(root: string): string[] {
  return writtenBelow(root).flatMap(({ file, lines: { length } }) => {
    const most = file.endsWith('.test.ts') ? MOST_LINES.ofTests : MOST_LINES.ofCode;
    return length > most ? [`${file} has ${length} lines, of ${most}: split it by what it hides`] : [];
  });
}

/** Every line of TypeScript below `root` that is too long, but for generated ones. */
export function longLines(root: string): string[] {
  return writtenBelow(root).flatMap(({ file, lines }) => lines.flatMap(({ length }, index) =>
    (length > MOST_CHARACTERS ? [`${file}:${index + 1} has ${length} characters, of ${MOST_CHARACTERS}: break it up`] : [])));
}

/** The files of TypeScript below `root` that were written by hand. */
function writtenBelow(root: string): { file: string; lines: string[] }[] {
  return filesBelow(root).filter(file => !file.includes('generated/')).map(file => ({ file, lines: readFileSync(join(root, file), 'utf8').trimEnd().split('\n') }));
}

/** Non-test TypeScript below `root` that runs in a broker, as paths relative to it. */
function sourceFiles(root: string): string[] {
  return filesBelow(root).filter(file => !file.startsWith('tooling/') && !/\.(test|d)\.ts$/.test(file));
}

function filesBelow(root: string): string[] {
  return readdirSync(root, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
    .map(entry => relative(root, join(entry.parentPath, entry.name)));
}

function importsOf(root: string, file: string): Import[] {
  const text = withoutComments(readFileSync(join(root, file), 'utf8'));
  const pattern = /\b(?:import|export)\s+(type\s)?(?:[\w*{}\s,$]*?\bfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;
  return [...text.matchAll(pattern)].map(match => {
    const specifier = match[2] ?? match[3] ?? '';
    return { specifier, target: resolveImport(root, file, specifier), typeOnly: match[1] !== undefined };
  });
}

function resolveImport(root: string, file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const path = resolve(root, dirname(file), specifier.replace(/\.js$/, '.ts'));
  return existsSync(path) ? relative(root, path) : undefined;
}

/** Comments and what stands in quotes may name anything. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(^|[^:'"`])\/\/[^\n]*/g, '$1');
}

function withoutStrings(text: string): string {
  return text.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g, "''");
}

function roomOf(file: string): string {
  return file.split('/')[0] ?? file;
}

function floorOf(file: string): number {
  return FLOORS.findIndex(rooms => rooms.includes(roomOf(file)));
}

function floorBreaches(graph: ReadonlyMap<string, Import[]>): string[] {
  const breaches: string[] = [];
  for (const [file, imports] of graph) {
    if (floorOf(file) < 0) breaches.push(`${file} stands on no floor: add its folder to FLOORS`);
    for (const { target } of imports) {
      if (target === undefined || roomOf(target) === roomOf(file) || floorOf(target) < floorOf(file)) continue;
      if (BESIDE.has(`${roomOf(file)} -> ${roomOf(target)}`)) continue;
      breaches.push(`${file} imports ${target}, which is not below it`);
    }
  }
  return breaches;
}

/** Whole cycles of imports that exist at run time, each once, from its first file in name order. */
function cycles(graph: ReadonlyMap<string, Import[]>): string[] {
  const found = new Set<string>();
  const state = new Map<string, 'open' | 'done'>();
  const path: string[] = [];
  const visit = (file: string): void => {
    state.set(file, 'open');
    path.push(file);
    for (const { target, typeOnly } of graph.get(file) ?? []) {
      if (target === undefined || typeOnly) continue;
      if (state.get(target) === 'open') found.add(describeCycle(path.slice(path.indexOf(target))));
      else if (state.get(target) === undefined) visit(target);
    }
    path.pop();
    state.set(file, 'done');
  };
  for (const file of [...graph.keys()].sort()) if (!state.has(file)) visit(file);
  return [...found];
}

function describeCycle(files: readonly string[]): string {
  const first = files.indexOf([...files].sort()[0] ?? '');
  const turned = [...files.slice(first), ...files.slice(0, first)];
  return `imports go in a circle: ${[...turned, turned[0]].join(' -> ')}`;
}

function isPure(file: string): boolean {
  return PURE.some(({ at, except = [] }) =>
    file === at || (file.startsWith(`${at}/`) && !except.includes(file.slice(at.length + 1))));
}

function purityBreaches(root: string, graph: ReadonlyMap<string, Import[]>): string[] {
  const breaches: string[] = [];
  for (const [file, imports] of graph) {
    if (!isPure(file)) continue;
    const text = withoutStrings(withoutComments(readFileSync(join(root, file), 'utf8')));
    for (const [pattern, what] of FORBIDDEN_WHEN_PURE) {
      const match = pattern.exec(text);
      if (match) breaches.push(`${file} must be pure but uses ${what}: ${match[0]}`);
    }
    for (const { specifier } of imports) {
      if (specifier.startsWith('node:')) breaches.push(`${file} must be pure but imports ${specifier}`);
    }
  }
  return breaches;
}
