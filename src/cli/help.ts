import yargs from 'yargs';
import { COMMANDS } from './commands.js';
import type { Command } from './flags.js';

/** The help of `ottla`, or of one command. Loads yargs: for those who ask only. */
export async function helpText(command: Command | undefined): Promise<string> {
  const parser = yargs([]).scriptName('ottla').version(false).help(false).wrap(100);
  if (command === undefined) {
    parser.usage('ottla: a Kafka broker\n\n$0 COMMAND [flags]');
    for (const { name, about } of Object.values(COMMANDS)) parser.command(name, about);
    parser.option('version', { describe: 'print the version', type: 'boolean' });
    parser.epilogue('`ottla COMMAND --help` says more.');
  } else {
    parser.usage(`$0 ${command.name} [flags]${command.operands === undefined ? '' : ` ${command.operands}`}\n\n${command.about}`);
    for (const { name, letter, value, about } of command.flags) {
      parser.option(name, { alias: letter ?? [], describe: value === undefined ? about : `${value}: ${about}`, ...(value === undefined && { type: 'boolean' as const }) });
    }
    if (command.exitCodes !== undefined) parser.epilogue(`Exit code: ${command.exitCodes}.`);
  }
  parser.option('help', { alias: 'h', describe: 'print this', type: 'boolean' });
  return parser.getHelp();
}
