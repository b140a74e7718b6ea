/** One entry of a properties file. */
export interface Property {
  readonly key: string;
  readonly value: string;
  /** Of its first character, from 1. */
  readonly line: number;
}

export class PropertiesError extends Error {
  override readonly name = 'PropertiesError';
  constructor(message: string, readonly line: number) {
    super(message);
  }
}

/** Reads the format of `java.util.Properties`; a key that comes twice is there twice, the last counts. */
export function parseProperties(text: string): Property[] {
  return logicalLines(text).map(({ content, line }) => {
    const { keyEnd, valueStart } = divide(content);
    return { key: unescape(content.slice(0, keyEnd), line), value: unescape(content.slice(valueStart), line), line };
  });
}

interface LogicalLine {
  content: string;
  line: number;
}

/** Joins what ends in an odd number of backslashes with what follows; leaves out comments and blank lines. */
function logicalLines(text: string): LogicalLine[] {
  const lines: LogicalLine[] = [];
  let content = '';
  let start = 0;
  let continues = false;
  // Java takes a single character that ends both line and file for the end of the file.
  text.replace(/(?<!\r)\n$|\r$/, '').split(/\r\n|\r|\n/).forEach((natural, index) => {
    const begun = natural.replace(/^[ \t\f]+/, '');
    if (content === '') {
      // An empty continuation ends nothing: there is no logical line yet. Likewise a comment may follow it.
      if (begun === '' || /^[#!]/.test(begun)) {
        continues = false;
        return;
      }
      start = index + 1;
    }
    continues = /(?:^|[^\\])(?:\\\\)*\\$/.test(begun);
    content += continues ? begun.slice(0, -1) : begun;
    if (!continues) {
      lines.push({ content, line: start });
      content = '';
    }
  });
  // Java makes an entry even of a lone backslash at the end.
  if (continues) lines.push({ content, line: start });
  return lines;
}

/** The key ends at the first blank, `=` or `:` that no backslash protects; blanks and one sign go before the value. */
function divide(content: string): { keyEnd: number; valueStart: number } {
  const keyEnd = /^(?:\\.|[^\\ \t\f=:])*/s.exec(content)![0].length;
  const gap = /^[ \t\f]*[=:]?[ \t\f]*/.exec(content.slice(keyEnd))![0].length;
  return { keyEnd, valueStart: keyEnd + gap };
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function unescape(text: string, line: number): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(u[0-9a-fA-F]{4}|[^])/g, (_, escaped: string) => {
    if (escaped.length === 5) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    if (escaped === 'u') throw new PropertiesError('\\u needs four hexadecimal digits', line);
    return ESCAPES[escaped] ?? escaped;
  });
}
