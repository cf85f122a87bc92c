/** What two strings have in common (https://redis.io/docs/latest/commands/lcs/). */
import type { Call, Handler } from '../call.ts';
import { NOT_INTEGER, SYNTAX } from '../errors.ts';
import { StringView } from '../keyspace.ts';
import { Kind } from '../types.ts';
import { commonLength, commonTable, walkMatches } from '../values/lcs.ts';

/** Bytes of one number of the table. */
const CELL = 4;

/** What it was told; one for all, as commands are run one by one. */
const told = { length: false, places: false, withLength: false, shortest: 0 };

/** False: wrong, and the client has been told. */
function readOptions(call: Call): boolean {
  told.length = false;
  told.places = false;
  told.withLength = false;
  told.shortest = 0;
  for (let i = 3; i < call.argc; i++) {
    if (call.is(i, 'len')) told.length = true;
    else if (call.is(i, 'idx')) told.places = true;
    else if (call.is(i, 'withmatchlen')) told.withLength = true;
    else if (call.is(i, 'minmatchlen') && i + 1 < call.argc) {
      const shortest = call.count(++i);
      if (shortest === null) return refuse(call, NOT_INTEGER);
      told.shortest = shortest;
    } else return refuse(call, SYNTAX);
  }
  if (!told.length || !told.places) return true;
  return refuse(call, 'ERR If you want both the length and indexes, please just use IDX.');
}

function refuse(call: Call, text: string): false {
  call.reply.error(text);
  return false;
}

function lcs(call: Call): void {
  const entryA = call.read(1);
  const entryB = call.read(2);
  if (!isText(call, entryA) || !isText(call, entryB)) {
    call.reply.error('ERR The specified keys must contain string values');
    return;
  }
  if (!readOptions(call)) return;
  const a = viewOf(call, entryA);
  const b = viewOf(call, entryB);
  const cells = (a.end - a.start + 1) * (b.end - b.start + 1);
  if (cells * CELL > call.engine.settings.protoMaxBulkLength) {
    call.reply.error(
      'ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len',
    );
    return;
  }
  if (told.length) call.reply.integer(commonLength(a, b));
  else if (told.places) replyPlaces(call, a, b);
  else replyText(call, a, b);
}

function isText({ db }: Call, entry: number): boolean {
  return entry < 0 || db.kindOf(entry) === Kind.string;
}

/** One that stays while another string is read. */
function viewOf({ db }: Call, entry: number): StringView {
  const view = new StringView(EMPTY);
  if (entry < 0) return view;
  const { bytes, start, end } = db.stringOf(entry);
  const isNumber = !Number.isNaN(db.smallOf(entry));
  view.bytes = isNumber ? Buffer.from(bytes.subarray(start, end)) : bytes;
  view.start = isNumber ? 0 : start;
  view.end = isNumber ? end - start : end;
  return view;
}

const EMPTY = Buffer.alloc(0);

function replyText({ reply }: Call, a: StringView, b: StringView): void {
  const table = commonTable(a, b);
  const text = Buffer.allocUnsafe(table[table.length - 1]!);
  let at = text.length;
  walkMatches(a, b, table, (start, end) => {
    at -= end - start + 1;
    a.bytes.copy(text, at, a.start + start, a.start + end + 1);
  });
  reply.bulk(text, 0, text.length);
}

function replyPlaces({ reply }: Call, a: StringView, b: StringView): void {
  const table = commonTable(a, b);
  reply.map(2);
  reply.bulkText('matches');
  const head = reply.openArray();
  let shown = 0;
  walkMatches(a, b, table, (startA, endA, startB, endB) => {
    const length = endA - startA + 1;
    if (length < told.shortest) return;
    shown++;
    reply.array(told.withLength ? 3 : 2);
    reply.array(2);
    reply.integer(startA);
    reply.integer(endA);
    reply.array(2);
    reply.integer(startB);
    reply.integer(endB);
    if (told.withLength) reply.integer(length);
  });
  reply.closeArray(head, shown);
  reply.bulkText('len');
  reply.integer(table[table.length - 1]!);
}

export const STRING_LCS_COMMANDS: Readonly<Record<string, Handler>> = { lcs };
