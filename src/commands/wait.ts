/** How long a command may wait at its server, read from its arguments. */
import type { Command } from './command.ts';
import type { WaitSpec } from './spec.ts';

const MS_PER: Readonly<Record<WaitSpec['unit'], number>> = { s: 1000, ms: 1 };
/** XREAD's options come before this word; behind it everything is a key or an id. */
const KEYS_BEGIN = 'streams';

/**
 * Milliseconds; Infinity: until something comes; -1: not at all. A time that is no number waits 0 ms here,
 * since the server answers it with an error.
 */
export function waitOf(command: Command): number {
  const { wait } = command.spec;
  if (wait === null) return -1;
  const index = wait.keyword === undefined ? indexOf(wait, command) : behind(wait.keyword, command);
  if (index < 0) return -1;
  const time = Number(command.text(index)) * MS_PER[wait.unit];
  if (!(time >= 0)) return 0;
  return time === 0 ? Number.POSITIVE_INFINITY : time;
}

function indexOf(wait: WaitSpec, command: Command): number {
  const at = wait.at ?? 0;
  return at < 0 ? command.argc + at : at;
}

function behind(keyword: string, command: Command): number {
  const wanted = keyword.toLowerCase();
  for (let i = 1; i + 1 < command.argc; i++) {
    const word = command.text(i).toLowerCase();
    if (word === wanted) return i + 1;
    if (word === KEYS_BEGIN) return -1;
  }
  return -1;
}
