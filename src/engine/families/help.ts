/** What HELP of a command with subcommands says. */
import type { Call } from '../call.ts';
import type { Reply } from '../reply.ts';

/** Of an argument inside an error. */
const SHOWN_MAX = 128;

/** Lines in pairs: how it is written, and, indented, what it does. */
export function replyHelp(reply: Reply, name: string, lines: readonly string[]): void {
  const all = [
    `${name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
    ...lines,
    'HELP',
    '    Prints this help.',
  ];
  reply.array(all.length);
  for (const line of all) reply.status(line);
}

/** A subcommand that is known, with arguments that make no sense. */
export function wrongSubcommand(call: Call): void {
  const [container = ''] = call.command.spec.name.split('|');
  const shown = call.text(1).slice(0, SHOWN_MAX).replace(/\0.*/s, '');
  const text = `unknown subcommand or wrong number of arguments for '${shown}'`;
  call.reply.error(`ERR ${text}. Try ${container.toUpperCase()} HELP.`);
}
