/** One line of CLIENT LIST and CLIENT INFO, with the fields of Redis 7 that mean something at a door. */
import type { Tick } from '../core/tick.ts';
import { addressOf, localAddressOf } from './address.ts';
import type { Session } from './session.ts';

export function describeClient(session: Session, tick: Tick): string {
  const age = Math.floor((Date.now() - session.openedAt) / 1000);
  const idle = Math.max(0, Math.floor((tick.now - session.activeAt) / 1000));
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', session.id],
    ['addr', addressOf(session)],
    ['laddr', localAddressOf(session)],
    ['fd', -1],
    ['name', session.name],
    ['age', age],
    ['idle', idle],
    ['flags', flagsOf(session)],
    ['db', session.database],
    ['sub', session.subscriber?.sizeOf('channel') ?? 0],
    ['psub', session.subscriber?.sizeOf('pattern') ?? 0],
    ['ssub', session.subscriber?.sizeOf('shard') ?? 0],
    ['multi', session.transaction?.isCollecting ? session.transaction.queuedCount : -1],
    ['qbuf', session.queryBytes],
    ['qbuf-free', 0],
    ['argv-mem', 0],
    ['multi-mem', 0],
    ['obl', session.outputBytes],
    ['oll', 0],
    ['omem', 0],
    ['tot-mem', session.queryBytes + session.outputBytes],
    ['events', 'r'],
    ['cmd', session.last?.name ?? 'NULL'],
    ['user', session.userName],
    ['redir', session.tracking === null ? -1 : 0],
    ['resp', session.protocol],
    ['lib-name', session.libraryName],
    ['lib-ver', session.libraryVersion],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(' ');
}

/** In the order of Redis: watching all, subscribed, in MULTI, waiting, tracked, not evicted. */
function flagsOf(session: Session): string {
  const flags = [
    session.isMonitor && 'O',
    session.isSubscribed && 'P',
    session.transaction?.isCollecting && 'x',
    session.wait !== null && 'b',
    session.tracking !== null && 't',
    session.noEvict && 'e',
  ];
  return flags.filter(Boolean).join('') || 'N';
}
