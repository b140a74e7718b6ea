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

/** Dots and underscores are one in the names of metrics, so two topics must not differ in them alone. */
export function collidingName(name: string, others: Iterable<string>): string | undefined {
  if (!/[._]/.test(name)) return undefined;
  const unified = name.replaceAll('.', '_');
  for (const other of others) if (other !== name && other.replaceAll('.', '_') === unified) return other;
  return undefined;
}
