/**
 * Which of several answers about a cluster is to be believed.
 *
 * Nodes hear of changes at different times, so two of them may contradict each other, and whoever believes each in
 * turn goes to and fro. Hence: a higher epoch is believed at once; what contradicts the map in the same epoch needs
 * two voices, unless there is only one; a node that sees the cluster down, or less of it than is known, is believed
 * only while nothing better is known. What is still wrong then, MOVED mends.
 */
import { SLOT_COUNT } from '../commands/slot.ts';
import type { ClusterState, Topology, TopologyNode } from './topology.ts';

export interface Answer extends ClusterState {
  readonly topology: Topology;
}

/** The map in force: by slot the key of its primary. */
export interface Current {
  readonly epoch: number;
  readonly covered: number;
  ownerOf(slot: number): string | null;
}

export interface Settled {
  readonly epoch: number;
  readonly topology: Topology;
  /** False for slots about which the answers contradict each other: they stay where they are. */
  readonly isCertain: (slot: number) => boolean;
}

type KeyOf = (node: TopologyNode) => string;

/** Null: ask somebody else; with `isLast`: nothing can be believed. */
export function settle(
  current: Current | null,
  answers: readonly Answer[],
  keyOf: KeyOf,
  isLast: boolean,
): Settled | null {
  if (current === null) return settleFirst(answers, isLast);
  const good = answers.filter(({ isOk, topology }) => isOk && topology.covered >= current.covered);
  const newer = good.find(({ epoch }) => epoch > current.epoch);
  if (newer !== undefined) return whole(newer);
  const peers = good.filter(({ epoch }) => epoch === current.epoch);
  const [one, other] = peers.slice(-2);
  if (one !== undefined && other !== undefined) return common(one, other, keyOf);
  if (one !== undefined && (isLast || isSame(one, current, keyOf))) return whole(one);
  if (!isLast || good.length === 0) return null;
  // Everybody says that it is younger than it was: it has been made anew.
  return whole(good.reduce((best, each) => (each.epoch > best.epoch ? each : best)));
}

function settleFirst(answers: readonly Answer[], isLast: boolean): Settled | null {
  const complete = answers.find(({ isOk, topology }) => isOk && topology.covered === SLOT_COUNT);
  if (complete !== undefined) return whole(complete);
  if (!isLast) return null;
  const best = answers
    .filter(({ topology }) => topology.covered > 0)
    .sort(
      (a, b) =>
        Number(b.isOk) - Number(a.isOk) ||
        b.topology.covered - a.topology.covered ||
        b.epoch - a.epoch,
    )[0];
  return best === undefined ? null : whole(best);
}

function whole({ epoch, topology }: Answer): Settled {
  return { epoch, topology, isCertain: () => true };
}

/** The later answer, as far as the earlier one agrees. */
function common(earlier: Answer, later: Answer, keyOf: KeyOf): Settled {
  const before = ownersOf(earlier.topology, keyOf);
  const after = ownersOf(later.topology, keyOf);
  return {
    epoch: later.epoch,
    topology: later.topology,
    isCertain: (slot) => before[slot] === after[slot],
  };
}

function isSame({ topology }: Answer, current: Current, keyOf: KeyOf): boolean {
  return ownersOf(topology, keyOf).every((owner, slot) => owner === current.ownerOf(slot));
}

/** By slot the key of its primary. */
export function ownersOf(topology: Topology, keyOf: KeyOf): (string | null)[] {
  const owners = new Array<string | null>(SLOT_COUNT).fill(null);
  for (const { ranges, primary } of topology.shards) {
    const key = primary === null ? null : keyOf(primary);
    for (const [first, last] of ranges) owners.fill(key, first, last + 1);
  }
  return owners;
}
