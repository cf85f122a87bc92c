/** Which commands make a list as it is. */
import { type List, ListCursor } from '../values/list.ts';
import { Element } from '../values/listpack.ts';

/** Elements of one command, as in files of Redis. */
const ELEMENTS_MAX = 64;

export function describeList(
  key: Buffer,
  list: List,
  say: (words: readonly (string | Buffer)[]) => void,
): void {
  const cursor = new ListCursor();
  const element = new Element();
  let words: (string | Buffer)[] = [];
  for (list.begin(true, cursor); cursor.node !== null; cursor.next()) {
    if (words.length === 0) words = ['RPUSH', key];
    cursor.read(element);
    words.push(Buffer.from(element.bytes.subarray(element.start, element.end)));
    if (words.length < ELEMENTS_MAX + 2) continue;
    say(words);
    words = [];
  }
  if (words.length > 0) say(words);
}
