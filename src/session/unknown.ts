/** Commands that cannot run: unknown ones and misspelt ones in Redis's own words, others in ours. */
import type { Command } from '../commands/command.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { noSuchSubcommand, wrongNumberOfArguments } from '../resp/errors.ts';
import type { Session } from './session.ts';

/** Redis prints no more of name and arguments than this (rejectCommandFormat, server.c). */
const ARGUMENTS_SHOWN = 128;

export function unknownCommand(session: Session, command: Command): string {
  session.host.figures.unknownCommands++;
  const name = shownText(command, 0, ARGUMENTS_SHOWN);
  let shown = '';
  for (let i = 1; i < command.argc && shown.length < ARGUMENTS_SHOWN; i++) {
    shown += `'${shownText(command, i, ARGUMENTS_SHOWN - shown.length)}' `;
  }
  return `ERR unknown command '${name}', with args beginning with: ${shown}`;
}

/** As C prints it: a zero byte ends the text. */
function shownText(command: Command, index: number, charactersMax: number): string {
  const text = command.text(index).slice(0, charactersMax);
  const zero = text.indexOf('\0');
  return zero < 0 ? text : text.slice(0, zero);
}

export function unknownSubcommand(command: Command, container: CommandSpec): string {
  const given = shownText(command, 1, ARGUMENTS_SHOWN);
  return noSuchSubcommand(given, container.name);
}

export function wrongArity(spec: CommandSpec): string {
  return wrongNumberOfArguments(spec.name);
}

/** A browser that was made to speak to this port: its request must not go on as commands. */
export function closeIfWeb(session: Session, command: Command): boolean {
  const lower = command.text(0).toLowerCase();
  if (lower !== 'post' && lower !== 'host:') return false;
  session.host.clients.log.warn({ client: session.id }, 'client closed: it speaks HTTP');
  session.close();
  return true;
}

/** Why the door does not run a command. */
export function refusalOf(spec: CommandSpec): string {
  return `ERR ${spec.why}`;
}
