// Where two brokers' answers differ, field by field.

/** One field of one answer. */
export interface Difference {
  /** What was asked: API, version and label. */
  readonly asked: string;
  /** The field, such as `.topics[name].errorCode`. */
  readonly at: string;
  readonly apache: unknown;
  readonly ottla: unknown;
}

const ABSENT = '<absent>';
/** What tells the elements of an array apart, the first that they have. */
const KEYS = ['name', 'topic', 'resourceName', 'apiKey', 'memberId', 'groupId', 'feature', 'key', 'partitionIndex', 'partition', 'index', 'batchIndex', 'user'];

type Answers = ReadonlyMap<string, unknown>;

export function differences(apache: Answers, ottla: Answers): Difference[] {
  const asked = new Set([...apache.keys(), ...ottla.keys()]);
  return [...asked].flatMap(name => [...differ(name, '', apache.has(name) ? apache.get(name) : ABSENT, ottla.has(name) ? ottla.get(name) : ABSENT)]);
}

function* differ(asked: string, at: string, apache: unknown, ottla: unknown): Generator<Difference> {
  if (Array.isArray(apache) && Array.isArray(ottla)) yield* differInList(asked, at, apache, ottla);
  else if (isObject(apache) && isObject(ottla)) {
    for (const field of new Set([...Object.keys(apache), ...Object.keys(ottla)])) {
      yield* differ(asked, `${at}.${field}`, valueOf(apache, field), valueOf(ottla, field));
    }
  } else if (apache !== ottla) yield { asked, at, apache, ottla };
}

function* differInList(asked: string, at: string, apache: readonly unknown[], ottla: readonly unknown[]): Generator<Difference> {
  const [left, right] = [keyed(apache), keyed(ottla)];
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    yield* differ(asked, `${at}[${key}]`, left.has(key) ? left.get(key) : ABSENT, right.has(key) ? right.get(key) : ABSENT);
  }
}

/** By what names them, so that one more in a list is one difference; by place when nothing does. */
function keyed(list: readonly unknown[]): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const element of list) {
    const names = isObject(element) ? KEYS.filter(key => key in element).map(key => String(element[key])) : [];
    let name = names.length > 0 ? names.join(' ') : String(found.size);
    while (found.has(name)) name += '+';
    found.set(name, element);
  }
  return found;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const valueOf = (object: Record<string, unknown>, field: string): unknown => (field in object ? object[field] : ABSENT);

/** A line for each kind: what was asked in many versions differs in one way. */
export function summary(found: readonly Difference[]): string {
  const lines = new Map<string, number>();
  for (const { asked, at, apache, ottla } of found) {
    const line = `${asked.replace(/ v\d+:/, ':')} ${at}: Apache ${JSON.stringify(apache)}, Ottla ${JSON.stringify(ottla)}`;
    lines.set(line, (lines.get(line) ?? 0) + 1);
  }
  return [...lines].map(([line, count]) => `${line} (${count} times)`).join('\n');
}
