/** What HELP of a command with subcommands says. */
import type { Reply } from '../reply.ts';

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
