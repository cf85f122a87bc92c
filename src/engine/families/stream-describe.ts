/** Which commands make a stream as it is, with its groups and what they have not confirmed. */
import type { Consumer, Group } from '../values/group.ts';
import { Element } from '../values/listpack.ts';
import type { Stream } from '../values/stream.ts';
import { StreamId } from '../values/stream-id.ts';
import { StreamRange } from '../values/stream-range.ts';

type Say = (words: readonly (string | Buffer)[]) => void;

const FIRST_ID: StreamId = new StreamId();
const LAST_ID: StreamId = new StreamId();
LAST_ID.setMax();

/** Entries that are gone but not confirmed cannot be said, here as in the file of a server. */
export function describeStream(stream: Stream, key: Buffer, say: Say): void {
  if (stream.size === 0) {
    // An entry that goes at once leaves an empty stream.
    const id = stream.lastId.isZero ? '0-1' : stream.lastId.text;
    say(['XADD', key, 'MAXLEN', '0', id, 'x', 'y']);
  }
  describeEntries(stream, key, say);
  const counts = ['ENTRIESADDED', String(stream.added)];
  const deleted = ['MAXDELETEDID', stream.maxDeletedId.text];
  say(['XSETID', key, stream.lastId.text, ...counts, ...deleted]);
  for (const group of stream.groups.values()) describeGroup(group, key, say);
}

function describeEntries(stream: Stream, key: Buffer, say: Say): void {
  const range = new StreamRange();
  const element = new Element();
  range.begin(stream, FIRST_ID, LAST_ID, false);
  while (range.next()) {
    const { entry, node } = range;
    const words: (string | Buffer)[] = ['XADD', key, entry.id.text];
    let name = entry.names;
    let at = entry.content;
    for (let i = 0; i < entry.fields; i++) {
      for (const isName of [true, false]) {
        const isShared = isName && entry.names !== 0;
        const position = isShared ? name : at;
        node.pack.read(position, element);
        words.push(Buffer.from(element.bytes.subarray(element.start, element.end)));
        if (isShared) name = node.pack.next(name);
        else at = node.pack.next(at);
      }
    }
    say(words);
  }
}

function describeGroup(group: Group, key: Buffer, say: Say): void {
  const name = Buffer.from(group.name, 'latin1');
  const read = ['ENTRIESREAD', String(group.read)];
  say(['XGROUP', 'CREATE', key, name, group.lastId.text, ...read]);
  for (const consumer of group.consumers.values()) describeConsumer(group, consumer, key, say);
}

function describeConsumer(group: Group, consumer: Consumer, key: Buffer, say: Say): void {
  const groupName = Buffer.from(group.name, 'latin1');
  const name = Buffer.from(consumer.name, 'latin1');
  say(['XGROUP', 'CREATECONSUMER', key, groupName, name]);
  const id = new StreamId();
  const { pending } = consumer;
  for (let is = pending.first(); is; is = pending.next()) {
    pending.readId(id);
    group.find(id);
    const state = ['TIME', String(group.deliveredAt), 'RETRYCOUNT', String(group.deliveries)];
    say(['XCLAIM', key, groupName, name, '0', id.text, ...state, 'JUSTID', 'FORCE']);
  }
}
