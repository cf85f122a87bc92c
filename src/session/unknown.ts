/** Commands that cannot run: unknown ones and misspelt ones in Redis's own words, others in ours. */
import type { Command } from '../commands/command.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { shownSubcommand, unknownCommandText } from '../commands/unknown.ts';
import { noSuchSubcommand, wrongNumberOfArguments } from '../resp/errors.ts';
import type { Session } from './session.ts';

export function unknownCommand(session: Session, command: Command): string {
  session.host.figures.unknownCommands++;
  return unknownCommandText(command);
}

export function unknownSubcommand(command: Command, container: CommandSpec): string {
  return noSuchSubcommand(shownSubcommand(command), container.name);
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
