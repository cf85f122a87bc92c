/** Which handler answers which command, by the number of its row in the command table. */
import { allCommands, specByName } from '../commands/lookup.ts';
import { Flag } from '../commands/spec.ts';
import type { Handler } from './call.ts';
import { ACCESS_COMMANDS } from './families/access.ts';
import { BITFIELD_COMMANDS } from './families/bitfield.ts';
import { BITMAP_COMMANDS } from './families/bitmap.ts';
import { CLUSTER_COMMANDS } from './families/cluster.ts';
import { CONFIG_COMMANDS } from './families/config.ts';
import { CONNECTION_COMMANDS } from './families/connection.ts';
import { COPY_COMMANDS } from './families/copy.ts';
import { DEBUG_COMMANDS } from './families/debug.ts';
import { DUMP_COMMANDS } from './families/dump.ts';
import { EXPIRY_COMMANDS } from './families/expiry.ts';
import { GEO_COMMANDS } from './families/geo.ts';
import { GEO_SEARCH_COMMANDS } from './families/geo-search.ts';
import { HASH_COMMANDS } from './families/hash.ts';
import { HASH_COMBINED_COMMANDS } from './families/hash-combined.ts';
import { HASH_EXPIRY_COMMANDS } from './families/hash-expiry.ts';
import { HASH_NUMBER_COMMANDS } from './families/hash-number.ts';
import { HASH_PICK_COMMANDS } from './families/hash-pick.ts';
import { HYPERLOGLOG_COMMANDS } from './families/hyperloglog.ts';
import { KEY_COMMANDS } from './families/key.ts';
import { LIST_COMMANDS } from './families/list.ts';
import { LIST_MOVE_COMMANDS } from './families/list-move.ts';
import { LIST_SEARCH_COMMANDS } from './families/list-search.ts';
import { OBJECT_COMMANDS } from './families/object.ts';
import { PUBSUB_COMMANDS } from './families/pubsub.ts';
import { SCAN_COMMANDS } from './families/scan.ts';
import { SERVER_COMMANDS } from './families/server.ts';
import { SET_COMMANDS } from './families/set.ts';
import { SET_ALGEBRA_COMMANDS } from './families/set-algebra.ts';
import { SLOW_COMMANDS } from './families/slow.ts';
import { SORT_COMMANDS } from './families/sort.ts';
import { SORTED_SET_COMMANDS } from './families/sorted-set.ts';
import { SORTED_SET_ALGEBRA_COMMANDS } from './families/sorted-set-algebra.ts';
import { SORTED_SET_POP_COMMANDS } from './families/sorted-set-pop.ts';
import { SORTED_SET_RANGE_COMMANDS } from './families/sorted-set-range.ts';
import { SORTED_SET_SAMPLE_COMMANDS } from './families/sorted-set-sample.ts';
import { STREAM_COMMANDS } from './families/stream.ts';
import { STREAM_CLAIM_COMMANDS } from './families/stream-claim.ts';
import { STREAM_GROUP_COMMANDS } from './families/stream-group.ts';
import { STREAM_INFO_COMMANDS } from './families/stream-info.ts';
import { STREAM_READ_COMMANDS } from './families/stream-read.ts';
import { QUICK_STRING_COMMANDS, STRING_COMMANDS } from './families/string.ts';
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
  COPY_COMMANDS,
  SORT_COMMANDS,
  EXPIRY_COMMANDS,
  DUMP_COMMANDS,
  SCAN_COMMANDS,
  OBJECT_COMMANDS,
  CONFIG_COMMANDS,
  SERVER_COMMANDS,
  DEBUG_COMMANDS,
  ACCESS_COMMANDS,
  SLOW_COMMANDS,
  STRING_LCS_COMMANDS,
  STRING_NUMBER_COMMANDS,
  STRING_RANGE_COMMANDS,
  LIST_COMMANDS,
  LIST_SEARCH_COMMANDS,
  LIST_MOVE_COMMANDS,
  HASH_COMMANDS,
  HASH_COMBINED_COMMANDS,
  HASH_EXPIRY_COMMANDS,
  HASH_NUMBER_COMMANDS,
  HASH_PICK_COMMANDS,
  SET_COMMANDS,
  SET_ALGEBRA_COMMANDS,
  SORTED_SET_COMMANDS,
  SORTED_SET_RANGE_COMMANDS,
  SORTED_SET_POP_COMMANDS,
  SORTED_SET_SAMPLE_COMMANDS,
  SORTED_SET_ALGEBRA_COMMANDS,
  GEO_COMMANDS,
  GEO_SEARCH_COMMANDS,
  STREAM_COMMANDS,
  STREAM_READ_COMMANDS,
  STREAM_GROUP_COMMANDS,
  STREAM_CLAIM_COMMANDS,
  STREAM_INFO_COMMANDS,
  CLUSTER_COMMANDS,
  CONNECTION_COMMANDS,
  PUBSUB_COMMANDS,
  TRANSACTION_COMMANDS,
];

export const handlers: (Handler | undefined)[] = gather();

/** By the same numbers: it takes constant time. Redis says so of most of them; the others are named by their family. */
export const isQuick: readonly boolean[] = gatherQuick();

function gatherQuick(): boolean[] {
  const quick = handlers.map(() => false);
  for (const { id, name, flags } of allCommands()) {
    if (id >= quick.length) continue;
    quick[id] = (flags & Flag.fast) !== 0 || QUICK_STRING_COMMANDS.includes(name);
  }
  return quick;
}

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
