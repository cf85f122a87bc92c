/**
 * Which of several Sentinels is to be believed.
 *
 * The primary is whom more than half of those name that answered; one that does not know the service answers too. As
 * soon as the rest cannot change that any more, it is not waited for.
 *
 * A few Sentinels cut off from the others may agree on what was true before. So a primary in force is left only if
 * those who name another are more than half of all Sentinels (`isByAll`), or if it says itself that it is none; whoever
 * calls this sees to that. All Sentinels are those that answered, and those that more than half of these list: one that
 * lies can neither appoint a primary nor make a crowd.
 */
import type { OtherSentinel, Place, Testimony } from './testimony.ts';
import { nodeKey, type TopologyNode } from './topology.ts';

export interface Verdict {
  readonly primary: TopologyNode;
  readonly replicas: readonly TopologyNode[];
  /** Sentinels that most of them list. */
  readonly sentinels: readonly OtherSentinel[];
  /** More than half of all Sentinels say so, not only of those that answered. */
  readonly isByAll: boolean;
}

/** `asked`: how many may answer in all; with `isLast` nobody else will. Null: nobody can be believed, or not yet. */
export function vote(
  answers: readonly Testimony[],
  asked: number,
  isLast: boolean,
  current: string | null,
): Verdict | null {
  // One Sentinel under two addresses has one vote.
  const voices = [...new Map(answers.map((answer) => [answer.id, answer])).values()];
  const needed = (isLast ? voices.length : Math.max(asked, voices.length)) / 2;
  const [named, voters] = mostNamed(voices);
  if (named === null || voters.length <= needed) return null;
  const isByAll = voters.length > countOf(voices) / 2;
  const isChange = current !== null && current !== nodeKey(named);
  if (isChange && !isByAll && !isLast) return null;
  return {
    primary: nodeOf(named, true),
    replicas: replicasOf(voters, nodeKey(named)),
    sentinels: othersOf(voices),
    isByAll,
  };
}

function mostNamed(voices: readonly Testimony[]): readonly [Place | null, readonly Testimony[]] {
  const byPlace = Map.groupBy(voices, ({ primary }) => (primary === null ? '' : nodeKey(primary)));
  byPlace.delete('');
  const [most = []] = [...byPlace.values()].sort((a, b) => b.length - a.length);
  return [most[0]?.primary ?? null, most];
}

/** How many Sentinels there are. */
function countOf(voices: readonly Testimony[]): number {
  return new Set([...voices, ...othersOf(voices)].map(({ id }) => id)).size;
}

function othersOf(voices: readonly Testimony[]): OtherSentinel[] {
  return listedByMost(
    voices.map(({ others }) => others),
    ({ id }) => id,
  );
}

/** Those that more than half of the voters list, fit to be read from if more than half say so. */
function replicasOf(voters: readonly Testimony[], primary: string): TopologyNode[] {
  const all = listedByMost(
    voters.map(({ replicas }) => replicas),
    nodeKey,
  ).filter((replica) => nodeKey(replica) !== primary);
  const well = listedByMost(
    voters.map(({ replicas }) => replicas.filter(({ isUsable }) => isUsable)),
    nodeKey,
  );
  const usable = new Set(well.map(nodeKey));
  return all.map((replica) => nodeOf(replica, usable.has(nodeKey(replica))));
}

function listedByMost<Item>(
  lists: readonly (readonly Item[])[],
  keyOf: (item: Item) => string,
): Item[] {
  const found = new Map<string, { readonly item: Item; count: number }>();
  for (const list of lists) {
    for (const [key, item] of new Map(list.map((each) => [keyOf(each), each]))) {
      const entry = found.get(key) ?? { item, count: 0 };
      entry.count++;
      found.set(key, entry);
    }
  }
  return [...found.values()]
    .filter(({ count }) => count > lists.length / 2)
    .map(({ item }) => item);
}

function nodeOf({ host, port }: Place, isUsable: boolean): TopologyNode {
  return { host, port, otherHosts: [], isUsable };
}
