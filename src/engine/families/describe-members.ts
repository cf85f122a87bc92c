/** Which commands make a set or a hash as it is: so many members in one, as Redis writes them. */
import type { HashValue } from '../values/hash.ts';
import { Element } from '../values/listpack.ts';
import type { SetValue } from '../values/set.ts';

export type Say = (words: readonly (string | Buffer)[]) => void;

const MEMBERS_AT_ONCE = 64;

const ADD = 'SADD';
const PUT = 'HMSET';
const EXPIRE = 'HPEXPIREAT';
const REMOVE_FIELDS = 'HDEL';
const REMOVED_AT_ONCE = 1024;

const element: Element = new Element();

function copyOfElement(): Buffer {
  return Buffer.from(element.bytes.subarray(element.start, element.end));
}

export function describeSet(set: SetValue, key: Buffer, say: Say): void {
  let words: (string | Buffer)[] = [ADD, key];
  set.some(element, () => {
    words.push(copyOfElement());
    if (words.length === MEMBERS_AT_ONCE + 2) {
      say(words);
      words = [ADD, key];
    }
    return false;
  });
  if (words.length > 2) say(words);
}

export function describeHash(hash: HashValue, key: Buffer, say: Say): void {
  let words: (string | Buffer)[] = [PUT, key];
  hash.forEach((slot) => {
    hash.readField(slot, element);
    words.push(copyOfElement());
    hash.readValue(slot, element);
    words.push(copyOfElement());
    if (words.length === 2 * MEMBERS_AT_ONCE + 2) {
      say(words);
      words = [PUT, key];
    }
  });
  if (words.length > 2) say(words);
  if (hash.nextExpiry === Infinity) return;
  hash.forEach((slot) => {
    const at = hash.expiresAt(slot);
    if (at === 0) return;
    hash.readField(slot, element);
    say([EXPIRE, key, String(at), 'FIELDS', '1', copyOfElement()]);
  });
}

/** Fields of a hash went because their time was over. */
export function describeRemoval(key: Buffer, fields: readonly Buffer[], say: Say): void {
  for (let i = 0; i < fields.length; i += REMOVED_AT_ONCE) {
    say([REMOVE_FIELDS, key, ...fields.slice(i, i + REMOVED_AT_ONCE)]);
  }
}
