/**
 * The nodes of a cluster by every name they have. A node lives as long as the cluster lists it, through all changes
 * of the map, so its links do too.
 */
import type { HealthCheck } from '../upstream/health.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { nodeKey, type TopologyNode } from './topology.ts';

/** Nodes known only because a redirection named them; the next answer of the cluster lists them, or not. */
const STRANGERS_MAX = 100;
/** How often a node on its way out is asked whether it is done. */
const DRAIN_MS = 50;

export class ClusterNode {
  readonly host: string;
  readonly port: number;
  readonly key: string;
  readonly upstream: Upstream;
  /** The cluster lists it. */
  isListed = false;
  isPrimary = false;
  /** The cluster says that it is well. */
  isUsable = true;
  /** Commands fail there since its last word. */
  isFailing = false;
  /** Left out for failures in a row. */
  isEjected = false;
  check: HealthCheck | null = null;
  /** As Valkey tells it; empty: not told. */
  zone = '';
  /** Smoothed time of a PING; NaN: not measured yet. */
  latencyMs: number = Number.NaN;

  constructor(host: string, port: number, upstream: Upstream) {
    this.host = host;
    this.port = port;
    this.key = nodeKey({ host, port });
    this.upstream = upstream;
  }
}

export class Nodes {
  readonly #make: (host: string, port: number) => Upstream;
  readonly #drainMs: number;
  readonly #byName: Map<string, ClusterNode> = new Map();
  readonly #byUpstream: Map<Upstream, ClusterNode> = new Map();
  readonly #leaving: Map<Upstream, NodeJS.Timeout> = new Map();
  /** In the order in which they came. */
  readonly all: Set<ClusterNode> = new Set();

  constructor(make: (host: string, port: number) => Upstream, drainMs: number) {
    this.#make = make;
    this.#drainMs = drainMs;
  }

  of(upstream: Upstream): ClusterNode | undefined {
    return this.#byUpstream.get(upstream);
  }

  find(place: { readonly host: string; readonly port: number }): ClusterNode | undefined {
    return this.#byName.get(nodeKey(place));
  }

  /** The name under which a node of an answer is known already, or will be. */
  keyOf(node: TopologyNode): string {
    return this.#known(node)?.key ?? nodeKey(node);
  }

  /** The node of a redirection; null: too many came that way. */
  meet(host: string, port: number): ClusterNode | null {
    const known = this.find({ host, port });
    if (known !== undefined) return known;
    let strangers = 0;
    for (const node of this.all) if (!node.isListed) strangers++;
    return strangers >= STRANGERS_MAX ? null : this.#add(host, port);
  }

  list(node: TopologyNode, isPrimary: boolean): ClusterNode {
    const listed = this.#known(node) ?? this.#add(node.host, node.port);
    for (const host of [node.host, ...node.otherHosts])
      this.#name({ host, port: node.port }, listed);
    listed.isListed = true;
    listed.isPrimary = isPrimary;
    listed.isUsable = node.isUsable;
    return listed;
  }

  /** Lets a node go: what is under way there is answered first. */
  drop(node: ClusterNode): void {
    this.all.delete(node);
    this.#byUpstream.delete(node.upstream);
    for (const [name, known] of this.#byName) if (known === node) this.#byName.delete(name);
    node.check?.close();
    const deadline = performance.now() + this.#drainMs;
    this.#drain(node.upstream, deadline);
  }

  async close(): Promise<void> {
    for (const [upstream, timer] of this.#leaving) {
      clearTimeout(timer);
      await upstream.close();
    }
    this.#leaving.clear();
    for (const { check, upstream } of this.all) {
      check?.close();
      await upstream.close();
    }
  }

  #drain(upstream: Upstream, deadline: number): void {
    if (upstream.isIdle || performance.now() > deadline) {
      this.#leaving.delete(upstream);
      // Closing ends sockets and is done when it returns.
      void upstream.close();
      return;
    }
    const timer = setTimeout(() => this.#drain(upstream, deadline), DRAIN_MS);
    this.#leaving.set(upstream, timer.unref());
  }

  /** A name that one node had may belong to another one now: the endpoint decides before the others. */
  #known(node: TopologyNode): ClusterNode | undefined {
    for (const host of [node.host, ...node.otherHosts]) {
      const known = this.find({ host, port: node.port });
      if (known !== undefined) return known;
    }
    return undefined;
  }

  #add(host: string, port: number): ClusterNode {
    const node = new ClusterNode(host, port, this.#make(host, port));
    this.all.add(node);
    this.#byUpstream.set(node.upstream, node);
    this.#name(node, node);
    return node;
  }

  #name(place: { readonly host: string; readonly port: number }, node: ClusterNode): void {
    this.#byName.set(nodeKey(place), node);
  }
}
