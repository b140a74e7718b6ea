import { SpecError } from './spec.js';
import type { ErrorSpec } from './spec.js';

/**
 * Reads the table of errors: `CODE NAME: message` or `CODE NAME retriable: message`, one a line, codes rising.
 * @throws SpecError with file and line.
 */
export function parseErrors(source: string, file: string): ErrorSpec[] {
  const errors: ErrorSpec[] = [];
  for (const [index, raw] of source.split('\n').entries()) {
    const text = raw.trim();
    if (text === '' || text.startsWith('#')) continue;
    const match = /^(-?\d+)\s+([A-Z][A-Z0-9_]*)(\s+retriable)?:\s+(\S.*)$/.exec(text);
    const [, code, name, retriable, message] = match ?? [];
    if (code === undefined || name === undefined || message === undefined) {
      throw new SpecError(file, index + 1, "expected 'CODE NAME: message' or 'CODE NAME retriable: message'");
    }
    const error = { code: Number(code), name, retriable: retriable !== undefined, message };
    const last = errors.at(-1);
    if (last !== undefined && error.code <= last.code) throw new SpecError(file, index + 1, `code ${code} comes after ${last.code}`);
    if (errors.some(other => other.name === name)) throw new SpecError(file, index + 1, `${name} is there twice`);
    errors.push(error);
  }
  return errors;
}
