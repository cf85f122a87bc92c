/** SCAN and what its kind has in common (https://redis.io/docs/latest/commands/scan/). */
import { globMatches } from '../../core/glob.ts';
import { INVALID_CURSOR } from '../../resp/errors.ts';
import type { Call, Handler } from '../call.ts';
import { NOT_INTEGER, SYNTAX } from '../errors.ts';
import type { Database } from '../keyspace.ts';
import { KIND_NAMES } from '../types.ts';

const COUNT = 10;
/** Buckets looked at for so many elements wanted, at most: a table may be nearly empty. */
export const BUCKETS_PER_ELEMENT = 10;
const CURSOR_MAX = 2 ** 32;

export interface ScanOptions {
  cursor: number;
  count: number;
  /** Null: everything matches. */
  pattern: Buffer | null;
  /** Null: of any kind; lower case. */
  type: string | null;
  /** HSCAN without values. */
  noValues: boolean;
}

/** `at` is the cursor's argument; options follow. Null: wrong, and the client has been told. */
export function readScan(call: Call, at: number, words: readonly string[]): ScanOptions | null {
  const cursor = readCursor(call, at);
  return cursor === null ? null : readScanOptions(call, at, cursor, words);
}

/** Null: wrong, and the client has been told. */
export function readCursor(call: Call, at: number): number | null {
  const text = call.text(at);
  if (!/^(?:[+-]?\d+)?$/.test(text) || text.length > 20 || BigInt(text) > 2n ** 64n - 1n) {
    call.reply.error(INVALID_CURSOR);
    return null;
  }
  // A cursor that is none of ours ends the scan or shows something twice; it can do no harm.
  return Number(BigInt.asUintN(64, BigInt(text)) % BigInt(CURSOR_MAX));
}

/** What stands behind the cursor at `at`. Null: wrong, and the client has been told. */
export function readScanOptions(
  call: Call,
  at: number,
  cursor: number,
  words: readonly string[],
): ScanOptions | null {
  const options = { cursor, count: COUNT, pattern: null, type: null, noValues: false };
  return readWords(call, at + 1, words, options) ? options : null;
}

function readWords(
  call: Call,
  first: number,
  words: readonly string[],
  options: ScanOptions,
): boolean {
  for (let i = first; i < call.argc; i++) {
    const hasNext = i + 1 < call.argc;
    if (hasNext && call.is(i, 'count')) {
      const count = call.count(++i);
      if (count === null || count < 1) {
        call.reply.error(count === null ? NOT_INTEGER : SYNTAX);
        return false;
      }
      options.count = count;
    } else if (hasNext && call.is(i, 'match')) {
      const pattern = call.copyOf(++i);
      options.pattern = pattern.length === 1 && pattern[0] === 0x2a ? null : pattern;
    } else if (hasNext && words.includes('type') && call.is(i, 'type')) {
      options.type = call.text(++i).toLowerCase();
    } else if (words.includes('novalues') && call.is(i, 'novalues')) options.noValues = true;
    else {
      call.reply.error(SYNTAX);
      return false;
    }
  }
  return true;
}

function scan(call: Call): void {
  const options = readScan(call, 1, ['type']);
  if (options === null) return;
  const { db, reply } = call;
  const found: number[] = [];
  let buckets = options.count * BUCKETS_PER_ELEMENT;
  let { cursor } = options;
  let seen = 0;
  do {
    cursor = db.dict.scan(cursor, (entry) => {
      seen++;
      if (isWanted(call, db, entry, options)) found.push(db.dict.keyOf(entry));
    });
  } while (cursor !== 0 && --buckets > 0 && seen < options.count);
  reply.array(2);
  reply.bulkInteger(cursor);
  reply.array(found.length);
  for (const key of found) reply.bulkRef(db.arena, key);
}

function isWanted(call: Call, db: Database, entry: number, options: ScanOptions): boolean {
  if (db.expires(entry) && db.expiresAt(entry) <= call.now) return false;
  if (options.type !== null && KIND_NAMES[db.kindOf(entry)] !== options.type) return false;
  if (options.pattern === null) return true;
  const key = db.dict.keyOf(entry);
  const start = db.arena.startOf(key);
  const end = start + db.arena.lengthOf(key);
  return globMatches(options.pattern, db.arena.bufferOf(key), start, end);
}

export const SCAN_COMMANDS: Readonly<Record<string, Handler>> = { scan };
