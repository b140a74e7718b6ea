/** Where a dump goes, line by line: aligned text for people, an object a line for machines. */
export interface DumpOutput {
  /** Takes text; resolves when there is room for more. */
  write(text: string): Promise<void>;
  /** Whether whoever reads sees colours. */
  readonly hasColor: boolean;
}

const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;
export type Color = keyof typeof CODES;

/** Lines gather until there are so many, so that a large dump is not a write for each. */
const FLUSH_CHARACTERS = 1 << 16;

export class DumpWriter {
  private pending: string[] = [];
  private pendingCharacters = 0;
  faults = 0;

  constructor(
    private readonly output: DumpOutput,
    readonly isJson: boolean,
  ) {}

  /** Much is waiting: who has more to say flushes first. */
  get isFull(): boolean {
    return this.pendingCharacters >= FLUSH_CHARACTERS;
  }

  /** A line for people. */
  line(text = ''): void {
    if (!this.isJson) this.put(text);
  }

  /** A line for machines. */
  json(value: object): void {
    if (this.isJson) this.put(JSON.stringify(value));
  }

  fault(file: string, message: string, indent = '  '): void {
    this.faults++;
    this.line(`${indent}${this.paint('red', 'FAULT')} ${message}`);
    this.json({ kind: 'fault', file, message });
  }

  paint(color: Color, text: string): string {
    return this.output.hasColor ? `\u001b[${CODES[color]}m${text}\u001b[0m` : text;
  }

  async flush(): Promise<void> {
    if (this.pending.length === 0) return;
    const text = `${this.pending.join('\n')}\n`;
    this.pending = [];
    this.pendingCharacters = 0;
    await this.output.write(text);
  }

  private put(text: string): void {
    this.pending.push(text);
    this.pendingCharacters += text.length;
  }
}

export interface Column {
  readonly title: string;
  /** Characters at least: lines are written before the next ones are known. */
  readonly width: number;
  readonly right?: boolean;
}

/** Cells under one another, as long as they are no wider than foreseen. */
export function row(columns: readonly Column[], cells: readonly string[]): string {
  return columns.map(({ width, right }, i) => (right === true ? cells[i]!.padStart(width) : cells[i]!.padEnd(width))).join('  ').trimEnd();
}

export function header(columns: readonly Column[]): string {
  return row(columns, columns.map(({ title }) => title));
}

/** A time that people read; `-` for none. */
export function timeText(ms: number): string {
  return ms < 0 ? '-' : ms > 8_640_000_000_000_000 ? String(ms) : new Date(ms).toISOString();
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
