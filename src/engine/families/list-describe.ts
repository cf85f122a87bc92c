/** Which commands make a list as it is. */
import { type List, ListCursor } from '../values/list.ts';
import { Element } from '../values/listpack.ts';
import type { Description } from './describe-members.ts';

/** Elements of one command, as in files of Redis. */
const ELEMENTS_MAX = 64;

export function* describeList(key: Buffer, list: List): Description {
  const cursor = new ListCursor();
  const element = new Element();
  let words: (string | Buffer)[] = [];
  for (list.begin(true, cursor); cursor.node !== null; cursor.next()) {
    if (words.length === 0) words = ['RPUSH', key];
    cursor.read(element);
    words.push(Buffer.from(element.bytes.subarray(element.start, element.end)));
    if (words.length < ELEMENTS_MAX + 2) continue;
    yield words;
    words = [];
  }
  if (words.length > 0) yield words;
}
