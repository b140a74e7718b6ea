/** Kafka's rules for names of topics (`org.apache.kafka.common.internals.Topic`). */

const MAX_LENGTH = 249;

/** Why a name cannot be a topic's; undefined when it can. */
export function invalidNameReason(name: string): string | undefined {
  if (name === '') return 'the topic name is empty';
  if (name === '.' || name === '..') return `the topic name cannot be '${name}'`;
  if (name.length > MAX_LENGTH) return `the topic name is ${name.length} characters long; at most ${MAX_LENGTH} are allowed`;
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return `the topic name '${name}' holds characters other than ASCII letters, digits, '.', '_' and '-'`;
  }
  return undefined;
}

/** Dots and underscores are one in the names of metrics, so two topics must not differ in them alone. */
export function collidingName(name: string, others: Iterable<string>): string | undefined {
  if (!/[._]/.test(name)) return undefined;
  const unified = name.replaceAll('.', '_');
  for (const other of others) if (other !== name && other.replaceAll('.', '_') === unified) return other;
  return undefined;
}
