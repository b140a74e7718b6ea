/** What the command touches of the process that it runs in. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  out(line: string): void;
  error(line: string): void;
  readFile(path: string): Buffer;
  /** Calls `handler` at every SIGTERM, SIGINT and SIGHUP. */
  onStopSignal(handler: (signal: string) => void): void;
  /** Ends the process at once. */
  exit(code: number): void;
}
