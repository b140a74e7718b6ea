export type Holds<Name extends string> = (condition: boolean, invariant: Name, detail: () => string) => asserts condition;

/** What a simulation throws where one of these, named and each told in a sentence, is broken. */
export function makeInvariants<Name extends string>(sentences: Readonly<Record<Name, string>>) {
  class InvariantError extends Error {
    override readonly name = 'InvariantError';
    constructor(readonly invariant: Name, detail: string) {
      super(`${invariant} (${sentences[invariant]}): ${detail}`);
    }
  }
  const holds: Holds<Name> = (condition, invariant, detail) => {
    if (!condition) throw new InvariantError(invariant, detail());
  };
  return { InvariantError, holds };
}
