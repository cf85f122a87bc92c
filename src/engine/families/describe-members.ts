/** Which commands make a set or a hash as it is: so many members in one, as Redis writes them. */
import type { HashValue } from '../values/hash.ts';
import { Element } from '../values/listpack.ts';
import type { SetValue } from '../values/set.ts';

export type Words = readonly (string | Buffer)[];
/** Given one by one, so that whoever writes them may rest in between; what is described does not change meanwhile. */
export type Description = Generator<Words, void>;

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

export function* describeSet(set: SetValue, key: Buffer): Description {
  let words: (string | Buffer)[] = [ADD, key];
  for (let slot = set.after(-1); slot >= 0; slot = set.after(slot)) {
    set.read(slot, element);
    words.push(copyOfElement());
    if (words.length < MEMBERS_AT_ONCE + 2) continue;
    yield words;
    words = [ADD, key];
  }
  if (words.length > 2) yield words;
}

export function* describeHash(hash: HashValue, key: Buffer): Description {
  let words: (string | Buffer)[] = [PUT, key];
  for (let slot = hash.after(-1); slot >= 0; slot = hash.after(slot)) {
    hash.readField(slot, element);
    words.push(copyOfElement());
    hash.readValue(slot, element);
    words.push(copyOfElement());
    if (words.length < 2 * MEMBERS_AT_ONCE + 2) continue;
    yield words;
    words = [PUT, key];
  }
  if (words.length > 2) yield words;
  if (hash.nextExpiry === Infinity) return;
  for (let slot = hash.after(-1); slot >= 0; slot = hash.after(slot)) {
    const at = hash.expiresAt(slot);
    if (at === 0) continue;
    hash.readField(slot, element);
    yield [EXPIRE, key, String(at), 'FIELDS', '1', copyOfElement()];
  }
}

/** Fields of a hash went because their time was over. */
export function describeRemoval(
  key: Buffer,
  fields: readonly Buffer[],
  say: (words: Words) => void,
): void {
  for (let i = 0; i < fields.length; i += REMOVED_AT_ONCE) {
    say([REMOVE_FIELDS, key, ...fields.slice(i, i + REMOVED_AT_ONCE)]);
  }
}
