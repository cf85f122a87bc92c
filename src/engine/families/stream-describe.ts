/** Which commands make a stream as it is, with its groups and what they have not confirmed. */
import type { Consumer, Group } from '../values/group.ts';
import { Element } from '../values/listpack.ts';
import type { Stream } from '../values/stream.ts';
import { StreamId } from '../values/stream-id.ts';
import { StreamRange } from '../values/stream-range.ts';
import type { Description } from './describe-members.ts';

const FIRST_ID: StreamId = new StreamId();
const LAST_ID: StreamId = new StreamId();
LAST_ID.setMax();

/** Entries that are gone but not confirmed cannot be said, here as in the file of a server. */
export function* describeStream(stream: Stream, key: Buffer): Description {
  if (stream.size === 0) {
    // An entry that goes at once leaves an empty stream.
    const id = stream.lastId.isZero ? '0-1' : stream.lastId.text;
    yield ['XADD', key, 'MAXLEN', '0', id, 'x', 'y'];
  }
  yield* describeEntries(stream, key);
  const counts = ['ENTRIESADDED', String(stream.added)];
  const deleted = ['MAXDELETEDID', stream.maxDeletedId.text];
  yield ['XSETID', key, stream.lastId.text, ...counts, ...deleted];
  for (const group of stream.groups.values()) yield* describeGroup(group, key);
}

function* describeEntries(stream: Stream, key: Buffer): Description {
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
    yield words;
  }
}

function* describeGroup(group: Group, key: Buffer): Description {
  const name = Buffer.from(group.name, 'latin1');
  const read = ['ENTRIESREAD', String(group.read)];
  yield ['XGROUP', 'CREATE', key, name, group.lastId.text, ...read];
  for (const consumer of group.consumers.values()) yield* describeConsumer(group, consumer, key);
}

function* describeConsumer(group: Group, consumer: Consumer, key: Buffer): Description {
  const groupName = Buffer.from(group.name, 'latin1');
  const name = Buffer.from(consumer.name, 'latin1');
  yield ['XGROUP', 'CREATECONSUMER', key, groupName, name];
  const id = new StreamId();
  const { pending } = consumer;
  for (let is = pending.first(); is; is = pending.next()) {
    pending.readId(id);
    group.find(id);
    const state = ['TIME', String(group.deliveredAt), 'RETRYCOUNT', String(group.deliveries)];
    yield ['XCLAIM', key, groupName, name, '0', id.text, ...state, 'JUSTID', 'FORCE'];
  }
}
