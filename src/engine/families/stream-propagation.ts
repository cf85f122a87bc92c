/** What the file gets for what groups did: their state afterwards, in commands that say all of it. */
import type { Call } from '../call.ts';
import type { Engine } from '../engine.ts';
import type { Group } from '../values/group.ts';
import type { StreamId } from '../values/stream-id.ts';

/** A file is being read, which says everything exactly; the clock stands still meanwhile. */
export function isLoading(engine: Engine): boolean {
  return engine.now === 0;
}

/** Nobody keeps what is written: then it is not even put together. */
function isUnread(call: Call): boolean {
  return !call.engine.isKept;
}

/**
 * The entry that `group` stands at, before it changes hands or goes: whoever has it gets it, whatever was there.
 * `idAt`: the argument that the id came from; 0: from none.
 */
export function writeClaim(
  call: Call,
  key: number,
  group: Group,
  id: StreamId,
  idAt: number,
): void {
  if (isUnread(call)) return;
  call.rewrite(
    'XCLAIM',
    call.copyOf(key),
    Buffer.from(group.name, 'latin1'),
    Buffer.from(group.owner?.name ?? '', 'latin1'),
    '0',
    idAt > 0 ? call.copyOf(idAt) : id.text,
    'TIME',
    String(group.deliveredAt),
    'RETRYCOUNT',
    String(group.deliveries),
    'FORCE',
    'JUSTID',
    'LASTID',
    group.lastId.text,
  );
}

/** How far a group has read. */
export function writeGroupId(call: Call, key: number, group: Group): void {
  if (isUnread(call)) return;
  call.rewrite(
    'XGROUP',
    'SETID',
    call.copyOf(key),
    Buffer.from(group.name, 'latin1'),
    group.lastId.text,
    'ENTRIESREAD',
    String(group.read),
  );
}

export function writeConsumer(call: Call, key: number, group: Group, name: string): void {
  if (isUnread(call)) return;
  const groupName = Buffer.from(group.name, 'latin1');
  call.rewrite(
    'XGROUP',
    'CREATECONSUMER',
    call.copyOf(key),
    groupName,
    Buffer.from(name, 'latin1'),
  );
}

/** From here on the command itself is not written; what `rewrite` is told is, if anything. */
export function writeOnlyRewritten(call: Call): void {
  if (!isUnread(call)) call.rewritten ??= [];
}
