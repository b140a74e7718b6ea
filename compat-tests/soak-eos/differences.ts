const MOST_NAMED = 5;

/** What a sequence of unique values lacks, has too much or has in another order than it should: one line of each kind. */
export function differences(wanted: readonly string[], got: readonly string[]): string[] {
  const found: string[] = [];
  const tell = (what: string, values: readonly string[]): void => {
    if (values.length > 0) found.push(`${values.length} ${what}: ${values.slice(0, MOST_NAMED).join(', ')}${values.length > MOST_NAMED ? ', ...' : ''}`);
  };
  const times = new Map<string, number>();
  for (const value of got) times.set(value, (times.get(value) ?? 0) + 1);
  const place = new Map(wanted.map((value, index) => [value, index]));
  tell('lost', wanted.filter(value => !times.has(value)));
  tell('more than once', [...times].filter(([, often]) => often > 1).map(([value]) => value));
  tell('never committed in the input', [...times.keys()].filter(value => !place.has(value)));
  const known = [...times.keys()].filter(value => place.has(value));
  tell('out of order', known.filter((value, index) => index > 0 && place.get(value)! < place.get(known[index - 1]!)!));
  return found;
}
