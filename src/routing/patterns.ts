/**
 * SORT reads keys by the patterns of BY and GET. Which ones is known only to the server that has the elements, so the
 * keys must all be there: certain only if the pattern has a hash tag of its own that leads there.
 *
 *   SORT {u}list BY {u}weight_*     the same server whatever the elements
 *   SORT {u}list BY weight_*        anywhere: it would find some and silently take the others for missing
 *
 * A cluster's node judges this by itself.
 */
import type { Backend } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { KeyPositions, sortPatternsOf } from '../commands/keys.ts';
import { tagEnd, tagStart } from '../commands/slot.ts';
import { Flag } from '../commands/spec.ts';
import type { RouteTable } from './route.ts';

const STAR = 0x2a;

const patterns = new KeyPositions();

/** False: keys that the patterns name may be on other servers than `target`. */
export function patternsStayAt(command: Command, target: Backend, routes: RouteTable): boolean {
  const { flags, keySpecs } = command.spec;
  if ((flags & Flag.movablekeys) === 0) return true;
  if (!keySpecs.some(({ beginSearch }) => beginSearch.kind === 'unknown')) return true;
  sortPatternsOf(command, patterns);
  for (let i = 0; i < patterns.count; i++) {
    const index = patterns.indexes[i]!;
    if (!staysAt(command, command.argStart(index), command.argEnd(index), target, routes)) {
      return false;
    }
  }
  return true;
}

function staysAt(
  command: Command,
  start: number,
  end: number,
  target: Backend,
  routes: RouteTable,
): boolean {
  const { bytes } = command;
  const route = routes.find(bytes, start, end);
  const group = [route?.group, route?.readGroup].find((each) => each?.nodes().includes(target));
  if (group === undefined || group === null) return false;
  if (group.slotted !== undefined || group.only !== null) return true;
  if (group.hasTags !== true) return false;
  const tag = tagStart(bytes, start, end);
  const close = tagEnd(bytes, start, end, tag);
  // In front of the tag or in it, an element may bring a tag of its own.
  const star = bytes.subarray(start, end).indexOf(STAR) + start;
  return tag !== start && star > close && group.serverOf(bytes, start, end) === target;
}
