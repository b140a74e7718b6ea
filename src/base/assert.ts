/** Thrown when our own code is wrong, never because of what came from outside. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** States what must hold at this point whatever the outside world sends. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
