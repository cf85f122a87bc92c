/**
 * Who answers reads of a shard, by `read_policy`.
 *
 * The list is made when something changes, not per command. One client stays with one replica, so that it does not
 * see time run backwards as long as the list is the same; only `nearest` takes the less busy of two.
 */
import type { ClusterNode } from './nodes.ts';

export type ReadPolicy =
  | 'primary'
  | 'prefer_primary'
  | 'replica'
  | 'prefer_replica'
  | 'any'
  | 'nearest';

/** A node is near if it answers at most so much later than the nearest one, and far beyond the second limit. */
const NEAR_FACTOR = 1.25;
const NEAR_MS = 0.15;
const FAR_FACTOR = 1.6;
const FAR_MS = 0.4;

/** A primary and its replicas. */
export class Shard {
  readonly primary: ClusterNode;
  readonly replicas: readonly ClusterNode[];
  /** Who answers reads; empty: the primary, or with `replica` nobody. */
  readers: readonly ClusterNode[] = [];

  constructor(primary: ClusterNode, replicas: readonly ClusterNode[]) {
    this.primary = primary;
    this.replicas = replicas;
  }

  /** `zone` empty: all are equally far. */
  choose(policy: ReadPolicy, zone: string): void {
    const replicas = this.replicas.filter(isReadable);
    const all = isReadable(this.primary) ? [this.primary, ...replicas] : replicas;
    switch (policy) {
      case 'primary':
        this.readers = [];
        break;
      case 'prefer_primary':
        this.readers = all[0] === this.primary ? [] : inZone(replicas, zone);
        break;
      case 'replica':
        // None that is well: ask one all the same, its failure says more than our guess.
        this.readers = inZone(replicas.length > 0 ? replicas : this.replicas, zone);
        break;
      case 'prefer_replica':
        this.readers = inZone(replicas, zone);
        break;
      case 'any':
        this.readers = inZone(all, zone);
        break;
      case 'nearest':
        this.readers = near(inZone(all, zone), this.readers);
        break;
    }
  }

  /** Null: the list is empty. */
  pick(policy: ReadPolicy, affinity: number): ClusterNode | null {
    const { readers } = this;
    const count = readers.length;
    if (count === 0) return null;
    if (policy !== 'nearest' || count === 1) return readers[affinity % count]!;
    const one = readers[Math.floor(Math.random() * count)]!;
    const other = readers[Math.floor(Math.random() * count)]!;
    return one.upstream.load <= other.upstream.load ? one : other;
  }
}

function isReadable({ isUsable, isFailing, isEjected, check }: ClusterNode): boolean {
  return isUsable && !isFailing && !isEjected && (check?.isHealthy ?? true);
}

function inZone(nodes: readonly ClusterNode[], zone: string): readonly ClusterNode[] {
  if (zone === '') return nodes;
  const same = nodes.filter((node) => node.zone === zone);
  return same.length > 0 ? same : nodes;
}

/** Whoever was near stays so a little longer, so that two nodes alike do not take turns. */
function near(
  nodes: readonly ClusterNode[],
  before: readonly ClusterNode[],
): readonly ClusterNode[] {
  const best = Math.min(
    ...nodes.map(({ latencyMs }) => (Number.isNaN(latencyMs) ? Infinity : latencyMs)),
  );
  if (best === Infinity) return nodes;
  return nodes.filter((node) => {
    const limit = before.includes(node) ? best * FAR_FACTOR + FAR_MS : best * NEAR_FACTOR + NEAR_MS;
    return node.latencyMs <= limit;
  });
}
