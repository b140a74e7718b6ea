/** A secret that does not print: logs, JSON and inspection show `[hidden]`; `reveal` gives it to who must use it. */
export class Password {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  reveal(): string {
    return this.#secret;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return HIDDEN;
  }
}

/** What Kafka prints for a password. */
const HIDDEN = '[hidden]';
