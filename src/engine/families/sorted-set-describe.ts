/** Which commands make a sorted set as it is: so many members in one, as in files of Redis. */
import { Element } from '../values/listpack.ts';
import type { SortedSet } from '../values/sorted-set.ts';
import type { Description } from './describe-members.ts';

const MEMBERS_AT_ONCE = 64;

export function* describeSortedSet(key: Buffer, set: SortedSet): Description {
  const element = new Element();
  let words: (string | Buffer)[] = [];
  for (let place = set.first(); place !== 0; place = set.next(place)) {
    if (words.length === 0) words = ['ZADD', key];
    set.read(place, element);
    const member = Buffer.from(element.bytes.subarray(element.start, element.end));
    words.push(set.scoreText(place), member);
    if (words.length < MEMBERS_AT_ONCE * 2 + 2) continue;
    yield words;
    words = [];
  }
  if (words.length > 0) yield words;
}
