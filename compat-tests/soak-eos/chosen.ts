// What whoever runs `make soak-eos` asks for, by variables of the environment.

export interface Chosen {
  readonly durationMs: number;
  readonly seed: number;
  /** Names of clients, in the order of those that there are. */
  readonly clients: readonly string[];
  readonly hasStreams: boolean;
  /** The command that asks for the same again. */
  readonly command: string;
}

const VARIABLES = ['DURATION_S', 'SEED', 'CLIENTS', 'STREAMS', 'BROKER'] as const;
type Variables = Readonly<Record<string, string | undefined>>;

/** Throws, naming the variable, where what is asked for cannot be had; `known` are the names of all clients. */
export function chosenFrom(variables: Variables, known: readonly string[]): Chosen {
  const { DURATION_S = '600', SEED = '1', CLIENTS, STREAMS = 'yes' } = variables;
  const wanted = CLIENTS?.split(',').map(name => name.trim()).filter(name => name !== '') ?? known;
  const unknown = wanted.filter(name => !known.includes(name));
  if (unknown.length > 0) throw new Error(`CLIENTS names '${unknown.join('\', \'')}', which is none of ${known.map(name => `'${name}'`).join(', ')}`);
  if (STREAMS !== 'yes' && STREAMS !== 'no') throw new Error(`STREAMS is '${STREAMS}': it can be 'yes' or 'no'`);
  const [durationS, seed] = [wholeNumber('DURATION_S', DURATION_S), wholeNumber('SEED', SEED)];
  const asked: Variables = { ...variables, DURATION_S: String(durationS), SEED: String(seed) };
  const words = VARIABLES.flatMap(name => (asked[name] === undefined ? [] : `${name}=${quoted(asked[name])}`));
  return {
    durationMs: durationS * 1000, seed, clients: known.filter(name => wanted.includes(name)), hasStreams: STREAMS === 'yes',
    command: ['make soak-eos', ...words].join(' '),
  };
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${name} is '${text}': it must be a whole number`);
  return Number(text);
}

const quoted = (text: string): string => (/^[\w.,-]*$/.test(text) ? text : `'${text}'`);
