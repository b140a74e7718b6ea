import { JavaOracle } from '../support/java-oracle.js';

/** A Java process that reads, writes and judges record batches with Apache's own classes. It lives until `close`. */
export class RecordsOracle {
  private constructor(private readonly oracle: JavaOracle) {}

  static async start(): Promise<RecordsOracle> {
    return new RecordsOracle(await JavaOracle.start('ottla.records.RecordsOracle'));
  }

  /** `RecordsOracle.java` says what the questions are; the answer is JSON. */
  ask(kind: 'read' | 'write' | 'validate', question: string): Promise<unknown> {
    return this.oracle.ask(`${kind}\t${question}`);
  }

  close(): Promise<void> {
    return this.oracle.close();
  }
}
