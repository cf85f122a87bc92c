/**
 * Keyspace notifications (https://redis.io/docs/latest/develop/use/keyspace-notifications/): which are wanted, as
 * `notify-keyspace-events` says it in letters, and how one is published.
 */
import { Notify } from './call.ts';
import type { Publishing } from './publishing.ts';

/** Classes, in the order in which CONFIG GET shows them. */
const CLASSES: readonly (readonly [string, number])[] = [
  ['g', Notify.generic],
  ['$', Notify.string],
  ['l', Notify.list],
  ['s', Notify.set],
  ['h', Notify.hash],
  ['z', Notify.zset],
  ['x', Notify.expired],
  ['e', Notify.evicted],
  ['t', Notify.stream],
  ['d', Notify.module],
  ['n', Notify.created],
];
/** Where they are published, and the one class that `A` never stands for. */
const BESIDE: readonly (readonly [string, number])[] = [
  ['K', Notify.keyspace],
  ['E', Notify.keyevent],
  ['m', Notify.miss],
];
/** `A`. New keys are not among them. */
const ALL: number = CLASSES.reduce((all, [, flag]) => all | flag, 0) & ~Notify.created;

export const WRONG_CLASS = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";

/** Null: a letter stands for nothing. */
export function notifyFlagsOf(text: string): number | null {
  let flags = 0;
  for (const letter of text) {
    if (letter === 'A') {
      flags |= ALL;
      continue;
    }
    const known = [...CLASSES, ...BESIDE].find(([each]) => each === letter);
    if (known === undefined) return null;
    flags |= known[1];
  }
  return flags;
}

/** The form in which CONFIG GET shows them. */
export function notifyText(flags: number): string {
  const lettersOf = (list: typeof CLASSES): string =>
    list
      .filter(([, flag]) => (flags & flag) !== 0)
      .map(([letter]) => letter)
      .join('');
  return ((flags & ALL) === ALL ? 'A' : lettersOf(CLASSES)) + lettersOf(BESIDE);
}

/** Told twice, as `flags` has it: by the key, then by the event. */
export function publishNotification(
  publishing: Publishing,
  flags: number,
  event: string,
  database: number,
  key: Buffer,
): void {
  const word = Buffer.from(event, 'latin1');
  if ((flags & Notify.keyspace) !== 0) {
    const channel = Buffer.concat([Buffer.from(`__keyspace@${database}__:`, 'latin1'), key]);
    publishing.publish('channel', channel, word);
  }
  if ((flags & Notify.keyevent) !== 0) {
    const channel = Buffer.from(`__keyevent@${database}__:${event}`, 'latin1');
    publishing.publish('channel', channel, key);
  }
}
