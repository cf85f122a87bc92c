/** Which handler answers which command, by the number of its row in the command table. */
import { specByName } from '../commands/lookup.ts';
import type { Handler } from './call.ts';
import { BITFIELD_COMMANDS } from './families/bitfield.ts';
import { BITMAP_COMMANDS } from './families/bitmap.ts';
import { CONFIG_COMMANDS } from './families/config.ts';
import { EXPIRY_COMMANDS } from './families/expiry.ts';
import { GEO_COMMANDS } from './families/geo.ts';
import { GEO_SEARCH_COMMANDS } from './families/geo-search.ts';
import { HYPERLOGLOG_COMMANDS } from './families/hyperloglog.ts';
import { KEY_COMMANDS } from './families/key.ts';
import { OBJECT_COMMANDS } from './families/object.ts';
import { SCAN_COMMANDS } from './families/scan.ts';
import { SERVER_COMMANDS } from './families/server.ts';
import { SLOW_COMMANDS } from './families/slow.ts';
import { SORTED_SET_COMMANDS } from './families/sorted-set.ts';
import { SORTED_SET_ALGEBRA_COMMANDS } from './families/sorted-set-algebra.ts';
import { SORTED_SET_POP_COMMANDS } from './families/sorted-set-pop.ts';
import { SORTED_SET_RANGE_COMMANDS } from './families/sorted-set-range.ts';
import { SORTED_SET_SAMPLE_COMMANDS } from './families/sorted-set-sample.ts';
import { STRING_COMMANDS } from './families/string.ts';
import { STRING_LCS_COMMANDS } from './families/string-lcs.ts';
import { STRING_NUMBER_COMMANDS } from './families/string-number.ts';
import { STRING_RANGE_COMMANDS } from './families/string-range.ts';
import { TRANSACTION_COMMANDS } from './families/transaction.ts';

const FAMILIES: readonly Readonly<Record<string, Handler>>[] = [
  BITFIELD_COMMANDS,
  BITMAP_COMMANDS,
  HYPERLOGLOG_COMMANDS,
  STRING_COMMANDS,
  KEY_COMMANDS,
  EXPIRY_COMMANDS,
  SCAN_COMMANDS,
  OBJECT_COMMANDS,
  CONFIG_COMMANDS,
  SERVER_COMMANDS,
  SLOW_COMMANDS,
  STRING_LCS_COMMANDS,
  STRING_NUMBER_COMMANDS,
  STRING_RANGE_COMMANDS,
  SORTED_SET_COMMANDS,
  SORTED_SET_RANGE_COMMANDS,
  SORTED_SET_POP_COMMANDS,
  SORTED_SET_SAMPLE_COMMANDS,
  SORTED_SET_ALGEBRA_COMMANDS,
  GEO_COMMANDS,
  GEO_SEARCH_COMMANDS,
  TRANSACTION_COMMANDS,
];

export const handlers: (Handler | undefined)[] = gather();

function gather(): (Handler | undefined)[] {
  const found: (Handler | undefined)[] = [];
  for (const family of FAMILIES) {
    for (const [name, handler] of Object.entries(family)) {
      const spec = specByName(name);
      if (spec === undefined) throw new Error(`no command of the table is called ${name}`);
      found[spec.id] = handler;
    }
  }
  // Every place is filled, or the array would be a slow one.
  return Array.from({ length: found.length }, (_none, id) => found[id]);
}
