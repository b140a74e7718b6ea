import { invalid, type Check, type SettingValue } from './setting.js';

/** One of a fixed set of words. */
export function oneOf(...words: readonly string[]): Check {
  return {
    text: `[${words.join(', ')}]`,
    fault: (name, value, text) =>
      typeof value === 'string' && words.includes(value) ? undefined : invalid(name, text, `String must be one of: ${words.join(', ')}`),
  };
}

/** One of a fixed set of words, in any case; the order is that in which Kafka lists them. */
export function oneOfIgnoringCase(...words: readonly string[]): Check {
  return {
    text: `(case insensitive) [${words.join(', ')}]`,
    fault: (name, value, text) =>
      typeof value === 'string' && words.includes(value.toUpperCase())
        ? undefined
        : invalid(name, text, `String must be one of (case insensitive): ${words.join(', ')}`),
  };
}

export const nonEmpty: Check = {
  text: 'non-empty string',
  fault: (name, value) => (value === '' ? invalid(name, '', 'String must be non-empty') : undefined),
};

export const nonNull: Check = {
  text: 'non-null string',
  fault: (name, value) => (value === undefined ? invalid(name, 'null', 'entry must be non null') : undefined),
};

interface ListRule {
  readonly of?: readonly string[];
  readonly empty?: boolean;
  readonly null?: boolean;
}

/** A list without empty entries; `of` names the words allowed, `empty` and `null` whether a list may be so. */
export function items(rule: ListRule): Check {
  const words = rule.of ?? [];
  const text = words.length > 0 ? `[${words.join(', ')}]` : '';
  return {
    text,
    distinct: true,
    fault(name, value) {
      if (value === undefined) return rule.null ? undefined : `Configuration '${name}' values must not be null.`;
      const entries = asList(value);
      if (entries.length === 0 && !rule.empty) {
        return `Configuration '${name}' must not be empty. Valid values include: ${text === '' ? 'any non-empty value' : text}`;
      }
      for (const entry of entries) {
        if (entry === '') return `Configuration '${name}' values must not be empty.`;
        if (words.length > 0 && !words.includes(entry)) return invalid(name, entry, `String must be one of: ${words.join(', ')}`);
      }
      return undefined;
    },
  };
}

/** gzip's own levels, or -1 for its default. */
export const gzipLevel: Check = {
  text: '[1,...,9] or -1',
  fault(name, value, text) {
    if (typeof value !== 'number') return invalid(name, null, 'Value must be non-null');
    if (value === -1 || (value >= 1 && value <= 9)) return undefined;
    return invalid(name, text, 'Value must be between 1 and 9 or equal to -1');
  },
};

/** `*`, or `partition:broker` pairs (Kafka's `ThrottledReplicaListValidator`). */
export const throttledReplicas: Check = {
  text: '[partitionId]:[brokerId],[partitionId]:[brokerId],...',
  fault(name, value) {
    const entries = asList(value).map(entry => entry.trim());
    if (entries.join('') === '*' || entries.every(entry => entry === '' || /^[0-9]+:[0-9]+$/.test(entry))) return undefined;
    return invalid(name, `[${entries.join(', ')}]`,
      `${name} must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...`);
  },
};

/** Where a share group begins (KIP-932): an end of the log, or a duration before now in ISO 8601. */
export const shareOffsetReset: Check = {
  text: '[latest, earliest, by_duration:PnDTnHnMn.nS]',
  fault(name, value) {
    const text = typeof value === 'string' ? value : String(value);
    if (text === 'latest' || text === 'earliest') return undefined;
    if (/^by_duration:P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d{1,9})?S)?)?$/i.test(text)) return undefined;
    return invalid(name, text, `Invalid value \`${text}\` for configuration ${name}. ` +
      `The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.`);
  },
};

/** Entries `id@host:port`. */
export const quorumVoters: Check = {
  text: 'non-empty list',
  fault(name, value) {
    for (const entry of asList(value)) {
      const [id, address, more] = entry.split('@');
      const form = `. Each entry should be in the form \`{id}@{host}:{port}\`.`;
      if (id === undefined || address === undefined || more !== undefined) return `Invalid configuration value for ${name}${form}`;
      if (!/^[+-]?\d+$/.test(id)) return `Failed to parse voter ID as integer from ${id}`;
      const place = hostAndPort(address);
      if (place.host === undefined) return `Failed to parse host name from entry ${entry} for the configuration ${name}${form}`;
      if (place.port === undefined) return `Failed to parse host port from entry ${entry} for the configuration ${name}${form}`;
    }
    return undefined;
  },
};

/** Entries `host:port`. */
export const bootstrapServers: Check = {
  text: 'non-empty list',
  fault(name, value) {
    for (const entry of asList(value)) {
      const place = hostAndPort(entry);
      const form = ` from ${entry} for the configuration ${name}. Each entry should be in the form "{host}:{port}"`;
      if (place.host === undefined) return `Failed to parse host name${form}`;
      if (place.port === undefined) return `Failed to parse host port${form}`;
    }
    return undefined;
  },
};

/** Takes `host:port` and `[v6]:port` apart, after any `protocol://`; what cannot be read is undefined. */
export function hostAndPort(text: string): { host: string | undefined; port: number | undefined } {
  const match = /^(?:[0-9a-zA-Z\-%._]*:\/\/)?\[?([0-9a-zA-Z\-%._:]*)\]?:([0-9]+)$/.exec(text);
  if (match === null) return { host: undefined, port: undefined };
  const [, host = '', port = ''] = match;
  return { host, port: Number(port) <= 65535 ? Number(port) : undefined };
}

const asList = (value: SettingValue): readonly string[] => (Array.isArray(value) ? (value as readonly string[]) : []);
