/** What Redis says to a command it does not know (rejectCommandFormat, server.c). */
import type { Command } from './command.ts';

/** Redis prints no more of name and arguments than this. */
const ARGUMENTS_SHOWN = 128;

export function unknownCommandText(command: Command): string {
  const name = shownText(command, 0, ARGUMENTS_SHOWN);
  let shown = '';
  for (let i = 1; i < command.argc && shown.length < ARGUMENTS_SHOWN; i++) {
    shown += `'${shownText(command, i, ARGUMENTS_SHOWN - shown.length)}' `;
  }
  return `ERR unknown command '${name}', with args beginning with: ${shown}`;
}

/** The subcommand as it is shown in errors. */
export function shownSubcommand(command: Command): string {
  return shownText(command, 1, ARGUMENTS_SHOWN);
}

/** As C prints it: a zero byte ends the text. */
function shownText(command: Command, index: number, charactersMax: number): string {
  const text = command.text(index).slice(0, charactersMax);
  const zero = text.indexOf('\0');
  return zero < 0 ? text : text.slice(0, zero);
}
