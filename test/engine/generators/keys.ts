/** Commands on keys whatever they hold, at random. */
import type { Random } from '../../support/random.ts';

const KEYS = ['a', 'b', 'c', 'd', '{e}'];

const PATTERNS = ['*', '?', '[ab]', '[^ab]', 'nothing', '\\a', '[a-c]', '{*'];

const TIMES = ['100', '-1', '0', 'x', '9007199254740', '99999999999', '1.5', ''];

const CONDITIONS = [[], [], ['NX'], ['XX'], ['gt'], ['LT'], ['NX', 'XX'], ['GT', 'LT'], ['foo']];

export const COMMANDS: readonly ((from: Random) => string[])[] = [
  (from) => ['SET', from.pick(KEYS), from.pick(['1', 'text', 'y'.repeat(50)])],
  (from) => ['SET', from.pick(KEYS), '1', 'EX', '1000'],
  (from) => ['GET', from.pick(KEYS)],
  (from) => [from.pick(['DEL', 'UNLINK', 'EXISTS', 'TOUCH']), from.pick(KEYS), from.pick(KEYS)],
  (from) => ['TYPE', from.pick(KEYS)],
  (from) => [from.pick(['RENAME', 'RENAMENX']), from.pick(KEYS), from.pick(KEYS)],
  (from) => ['KEYS', from.pick(PATTERNS)],
  () => ['DBSIZE'],
  (from) => [from.pick(['TTL', 'EXPIRETIME', 'PERSIST']), from.pick(KEYS)],
  (from) => [
    from.pick(['EXPIRE', 'EXPIREAT', 'PEXPIREAT']),
    from.pick(KEYS),
    from.pick(TIMES),
    ...from.pick(CONDITIONS),
  ],
  (from) => ['MOVE', from.pick(KEYS), from.pick(['0', '99', 'x', '3', '4294967296'])],
  (from) => ['SCAN', from.pick(['0', 'x', '0 ']), 'MATCH', from.pick(PATTERNS), 'COUNT', '1000'],
  (from) => ['SCAN', '0', ...from.pick([['COUNT', '0'], ['TYPE', 'string'], ['foo'], ['MATCH']])],
  (from) => ['SWAPDB', from.pick(['0', 'x', '99']), from.pick(['3', 'x', '-1'])],
  (from) => (from.chance(20) ? ['FLUSHDB'] : ['FLUSHALL', from.pick(['ASYNC', 'SYNC', 'no'])]),
];

/** The order of a hash table is nobody's promise. A cursor of one that holds all is 0. */
export function sortedKeys([name = '']: readonly string[], reply: string): string {
  if (name === 'TTL' || name === 'EXPIRETIME') return reply.replace(/\d\d$/m, '');
  if (name !== 'KEYS' && name !== 'SCAN') return reply;
  const lines = reply.split('\r\n');
  return lines.sort((a, b) => (a < b ? -1 : 1)).join(' ');
}
