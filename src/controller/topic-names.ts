/** Kafka's rules for names of topics (`org.apache.kafka.common.internals.Topic`). */

const MAX_LENGTH = 249;

/** Why a name cannot be a topic's, in the words that clients show; undefined when it can. */
export function invalidNameReason(name: string): string | undefined {
  const why = fault(name);
  return why === undefined ? undefined : `Topic name is invalid: ${why}`;
}

function fault(name: string): string | undefined {
  if (name === '') return 'the empty string is not allowed';
  if (name === '.' || name === '..') return `'${name}' is not allowed`;
  if (name.length > MAX_LENGTH) return `the length of '${name}' is longer than the max allowed length ${MAX_LENGTH}`;
  return /^[a-zA-Z0-9._-]+$/.test(name) ? undefined : `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
}

const unified = (name: string): string => name.replaceAll('.', '_');

/**
 * Dots and underscores are one in the names of metrics, so two topics must not differ in them alone. Looks at the names when it is
 * first asked for one that could collide.
 */
export class CollidingNames {
  #byUnified: Map<string, string[]> | undefined;

  constructor(private readonly names: () => Iterable<string>) {}

  /** The name that differs from this one in dots and underscores alone. */
  with(name: string): string | undefined {
    if (!/[._]/.test(name)) return undefined;
    this.#byUnified ??= this.#group();
    return this.#byUnified.get(unified(name))?.find(other => other !== name);
  }

  #group(): Map<string, string[]> {
    const groups = new Map<string, string[]>();
    for (const name of this.names()) {
      const key = unified(name);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [name]);
      else group.push(name);
    }
    return groups;
  }
}
