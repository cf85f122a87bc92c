/** Commands that are not what the table knows, answered in Redis's own words. */
import type { Command } from '../commands/command.ts';
import type { CommandSpec } from '../commands/spec.ts';
import type { Session } from './session.ts';

/** Redis prints no more of name and arguments than this (rejectCommandFormat, server.c). */
const ARGUMENTS_SHOWN = 128;

export function unknownCommand(session: Session, command: Command): string {
  session.host.figures.unknownCommands++;
  const name = command.text(0);
  if (isWebRequest(name)) session.finish();
  let shown = '';
  for (let i = 1; i < command.argc && shown.length < ARGUMENTS_SHOWN; i++) {
    shown += `'${command.text(i).slice(0, ARGUMENTS_SHOWN - shown.length)}' `;
  }
  return `ERR unknown command '${name.slice(0, ARGUMENTS_SHOWN)}', with args beginning with: ${shown}`;
}

export function unknownSubcommand(command: Command, container: CommandSpec): string {
  const given = command.text(1).slice(0, ARGUMENTS_SHOWN);
  return `ERR unknown subcommand '${given}'. Try ${container.name.toUpperCase()} HELP.`;
}

export function wrongArity(spec: CommandSpec): string {
  return `ERR wrong number of arguments for '${spec.name}' command`;
}

/** A browser that was made to speak to this port: its request must not go on as commands. */
function isWebRequest(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'post' || lower === 'host:';
}
