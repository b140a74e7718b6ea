import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMANDS } from './commands.js';
import { explainFault } from './faults.js';
import type { DumpOutput } from './dump/output.js';
import { parseFlags, UsageError, type Command } from './flags.js';
import { start, type LogWish } from './start.js';
import type { Terminal } from './terminal.js';

/**
 * The command. `start` is the hot path: what it does not need (help, the manual, formatting, log files) is loaded by those who
 * ask for it only.
 */
export async function main(words: readonly string[], root: string): Promise<void> {
  // A reader that went away must not take the broker with it.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const code = await run(words, root, realTerminal());
  // Nothing that a stopped broker left behind may keep the process; what was said is on its way first.
  process.stdout.write('', () => process.exit(code));
}

async function run(words: readonly string[], root: string, terminal: Terminal): Promise<number> {
  const [name, ...rest] = words;
  try {
    if (name === '--version' || name === 'version') {
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
      terminal.out(`ottla ${version}`);
      return 0;
    }
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      terminal.out(await help(rest[0] === undefined ? undefined : commandNamed(rest[0])));
      return name === undefined ? 2 : 0;
    }
    const command = commandNamed(name);
    if (rest.includes('--help') || rest.includes('-h')) {
      terminal.out(await help(command));
      return 0;
    }
    return await runCommand(name, parseFlags(command, rest), terminal);
  } catch (error) {
    const fault = explainFault(error);
    for (const line of fault.lines) terminal.error(`ottla: ${line}`);
    if (fault.exitCode === 2) terminal.error(`\`ottla ${name !== undefined && Object.hasOwn(COMMANDS, name) ? `${name} ` : ''}--help\` says what there is`);
    return fault.exitCode;
  }
}

async function runCommand(name: string, flags: ReturnType<typeof parseFlags>, terminal: Terminal): Promise<number> {
  switch (name) {
    case 'start': {
      const { startFromSettings } = await import('../testing/start-from-settings.js');
      return start(flags, { terminal, logger: loggerFor, startBroker: startFromSettings });
    }
    case 'format': {
      const [{ format }, { nodeEnv }] = await Promise.all([import('./format.js'), import('../env/node/index.js')]);
      return format(flags, { terminal, env: nodeEnv(), hostName: 'localhost' });
    }
    case 'dump-log': {
      const [{ dumpLog }, { NodeDisk }] = await Promise.all([import('./dump-log.js'), import('../env/node/index.js')]);
      return dumpLog(flags, { disk: new NodeDisk(), output: standardOutput(), directory: terminal.directory });
    }
    case 'log': {
      const [{ logVerify }, { NodeDisk, isLocked }] = await Promise.all([import('./log-verify.js'), import('../env/node/index.js')]);
      return logVerify(flags, { disk: new NodeDisk(), output: standardOutput(), directory: terminal.directory, isLocked });
    }
    default: {
      const { explain, markdownManual } = await import('../config/manual.js');
      if (flags.has('markdown')) terminal.out(markdownManual().trimEnd());
      else if (flags.operands.length === 0) throw new UsageError('name a setting, such as `ottla config num.partitions`, or ask for --markdown');
      const answers = flags.operands.map(explain);
      for (const { known, text } of answers) if (known) terminal.out(text); else terminal.error(`ottla: ${text}`);
      return answers.every(({ known }) => known) ? 0 : 1;
    }
  }
}

function commandNamed(name: string): Command {
  const command = Object.values<Command>(COMMANDS).find(candidate => candidate.name === name);
  if (command === undefined) throw new UsageError(`there is no command '${name}'; there are ${Object.keys(COMMANDS).join(', ')}`);
  return command;
}

async function help(command: Command | undefined): Promise<string> {
  const { helpText } = await import('./help.js');
  return helpText(command);
}

async function loggerFor(wish: LogWish) {
  if (wish.file !== undefined || wish.json) return (await import('./winston-logger.js')).winstonLogger(wish);
  const { LineLogger } = await import('../env/node/index.js');
  return new LineLogger(wish.level);
}

/** Standard output for much text: it waits for a reader that is slower, and ends the process when that has gone away. */
function standardOutput(): DumpOutput {
  const { stdout } = process;
  return {
    hasColor: stdout.isTTY && process.env['NO_COLOR'] === undefined,
    write: text => new Promise(resolve => {
      if (stdout.destroyed) process.exit(0);
      stdout.write(text, error => (error ? process.exit(0) : resolve()));
    }),
  };
}

function realTerminal(): Terminal {
  return {
    environment: process.env,
    directory: process.cwd(),
    out: line => { process.stdout.write(`${line}\n`); },
    error: line => { process.stderr.write(`${line}\n`); },
    readFile: path => readFileSync(path),
    onStopSignal: handler => { for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => handler(signal)); },
    exit: code => process.exit(code),
  };
}
