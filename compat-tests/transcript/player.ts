// Plays the script on both brokers side by side, with Apache's tools in one Java process.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrokerUnderTest } from '../support/brokers.js';
import type { JavaOracle } from '../support/java-oracle.js';
import { pause } from '../support/until.js';
import { withClient } from '../support/with-client.js';
import { SIDES, differences, type Difference, type Side } from './compare.js';
import { normalised, transcript, type Names } from './normalise.js';
import { PublishedMetadata } from './published.js';
import { isInterrupt, isRequests, isStep, text, words, type Family, type Interrupt, type Play, type Requests, type Result, type Step } from './step.js';
import { TOOLS } from './tools.js';

const STEP_TIMEOUT_MS = 45_000;
const STATE_TIMEOUT_MS = 20_000;
const ASK_AGAIN_MS = 50;
/** What a broker does with these it does after it has taken up the metadata that they are in. */
const CHANGES_BROKER = /^configs .*--alter .*--(?:broker|broker-defaults|entity-type brokers) /;

/** What is asked of `ToolPlayer`, by a name for each run. */
type Question = Record<string, object>;

/** One broker with what was played on it. */
class Played {
  readonly results = new Map<string, Result>();
  readonly transcript: string[] = [];

  constructor(readonly side: Side, readonly broker: BrokerUnderTest, readonly dir: string) {
    mkdirSync(dir, { recursive: true });
  }

  earlier = (title: string): Result => {
    const result = this.results.get(title);
    if (result === undefined) throw new Error(`no step '${title}' was played before`);
    return result;
  };

  /** The title, with a number if there is one of its kind. */
  free(title: string): string {
    let free = title;
    for (let number = 2; this.results.has(free); number += 1) free = `${title} (${number})`;
    return free;
  }

  line(play: Play): string {
    return isStep(play) ? text(play.line, this.earlier) : '';
  }

  filled(given: string): string {
    const { bootstrap, port, dataDir } = this.broker;
    return given.replaceAll('{b}', `--bootstrap-server ${bootstrap}`).replaceAll('{broker}', bootstrap).replaceAll('{port}', String(port))
      .replaceAll('{data}', dataDir).replaceAll('{dir}', this.dir)
      .replaceAll('{read}', '--timeout-ms 20000 --command-property fetch.max.wait.ms=50');
  }

  /** As `ToolPlayer` takes it. */
  run(play: Step): object {
    const [tool, ...args] = words(this.filled(this.line(play)));
    const main = TOOLS[tool!];
    if (main === undefined) throw new Error(`there is no tool '${tool}'`);
    for (const [name, content] of Object.entries(play.files ?? {})) writeFileSync(join(this.dir, name), this.filled(text(content, this.earlier)));
    return { main, args, stdin: this.filled(text(play.stdin ?? '', this.earlier)), timeoutMs: STEP_TIMEOUT_MS, background: play.background !== undefined };
  }

  names(): Names {
    const { host, port, bootstrap, dataDir } = this.broker;
    return [[dataDir, '<data>'], [this.dir, '<dir>'], [bootstrap, '<broker>'], [`${host}:${port}`, '<broker>'], [String(port), '<port>']];
  }
}

/** The script, its two transcripts and what differs in them. */
export class Player {
  readonly differences: Difference[] = [];
  steps = 0;
  /** How long each step took on both sides, in ms. */
  readonly times: [title: string, ms: number][] = [];
  private readonly sides: readonly Played[];
  /** Only of Apache Kafka: what Ottla answers it also shows. */
  private readonly published: PublishedMetadata;

  constructor(private readonly tools: JavaOracle, brokers: Readonly<Record<Side, BrokerUnderTest>>, folder: string) {
    this.sides = SIDES.map(side => new Played(side, brokers[side], join(folder, side)));
    this.published = new PublishedMetadata(brokers.apache);
  }

  close(): void {
    this.published.close();
  }

  transcriptOf(side: Side): string {
    return this.sides.find(played => played.side === side)!.transcript.join('\n');
  }

  async play(family: Family): Promise<void> {
    for (const played of this.sides) {
      played.results.clear();
      played.transcript.push(`======== ${family.name}\n`);
    }
    for (const play of family.steps) {
      await this.playStep(family.name, play);
      if (family.after !== 'stop') await this.apacheShows(play);
    }
  }

  private async playStep(family: string, play: Play): Promise<void> {
    if (isStep(play) && play.background !== undefined) {
      await this.tools.ask(JSON.stringify(this.question(this.sides, side => ({ [`${play.background}@${side.side}`]: side.run(play) }))));
      return;
    }
    const startMs = Date.now();
    const results = isRequests(play) ? await this.send(play) : await this.ask(play, this.sides);
    if (isStep(play) && play.until !== undefined) await this.askAgain(play, play.until, results);
    this.steps += 1;
    this.times.push([play.title, Date.now() - startMs]);
    const title = this.sides[0]!.free(play.title);
    const [apache, ottla] = this.sides.map(side => this.note(side, title, play, results.get(side.side)!));
    this.differences.push(...differences(`${family}: ${title}`, apache!, ottla!));
  }

  private async apacheShows(play: Play): Promise<void> {
    if (CHANGES_BROKER.test(this.sides[0]!.line(play))) await this.published.appliedAll();
    else await this.published.caughtUp();
  }

  private note(side: Played, title: string, play: Play, result: Result): Result {
    side.results.set(title, result);
    const clean = normalised(result, play, side.names());
    side.transcript.push(transcript(play, side.line(play), clean));
    return clean;
  }

  private question(sides: readonly Played[], of: (side: Played) => Question): Question {
    return Object.assign({}, ...sides.map(of)) as Question;
  }

  private async ask(play: Step | Interrupt, sides: readonly Played[]): Promise<Map<Side, Result>> {
    const question = this.question(sides, side =>
      ({ [side.side]: isInterrupt(play) ? { interrupt: `${play.interrupt}@${side.side}`, awaited: play.until?.source ?? '', timeoutMs: STATE_TIMEOUT_MS } : side.run(play) }));
    return new Map(Object.entries(await this.tools.ask(JSON.stringify(question)) as Record<Side, Result>) as [Side, Result][]);
  }

  private async send({ send }: Requests): Promise<Map<Side, Result>> {
    return new Map(await Promise.all(this.sides.map(async ({ side, broker: { host, port } }) => {
      return [side, { exit: 0, stdout: await withClient({ host, port }, send), stderr: '' }] as const;
    })));
  }

  private async askAgain(play: Step, until: RegExp, results: Map<Side, Result>): Promise<void> {
    const deadlineMs = Date.now() + STATE_TIMEOUT_MS;
    for (;;) {
      const waiting = this.sides.filter(side => !until.test(results.get(side.side)!.stdout));
      if (waiting.length === 0 || Date.now() > deadlineMs) return;
      await pause(ASK_AGAIN_MS);
      for (const [side, result] of await this.ask(play, waiting)) results.set(side, result);
    }
  }
}
