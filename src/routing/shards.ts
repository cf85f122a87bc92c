/**
 * Independent servers that share keys by a distribution: `kind: shards`.
 *
 *   key ─▶ Distribution.pick ─▶ index ─▶ Upstream
 *                ▲
 *     health check, outliers: servers that are out are passed over, others keep all their keys
 *
 * When fewer than half of the servers are well, health is ignored (Envoy's panic mode): moving most keys
 * would empty the caches of those that are left, at the worst time.
 */
import type { Backend } from '../backend/backend.ts';
import type { Log } from '../core/log.ts';
import type { Tick } from '../core/tick.ts';
import type { LinkError } from '../resp/errors.ts';
import { CommandTally } from '../upstream/figures.ts';
import { HealthCheck, type HealthCheckOptions } from '../upstream/health.ts';
import type { Lane } from '../upstream/lane.ts';
import type { Orphan, RefusedCommand } from '../upstream/orphan.ts';
import { type OutlierOptions, Outliers } from '../upstream/outlier.ts';
import { isNoScript } from '../upstream/script-giver.ts';
import { Scripts } from '../upstream/scripts.ts';
import { Upstream, type UpstreamOptions } from '../upstream/upstream.ts';
import { replyError } from './answers.ts';
import type { OwnedGroup } from './group.ts';
import {
  createDistribution,
  type Distribution,
  type DistributionKind,
  type DistributionOptions,
} from './hash/distribution.ts';
import { decide, type RetryPolicy } from './redirect.ts';

export interface ShardOptions extends UpstreamOptions {
  readonly weight: number;
}

export interface ShardsOptions {
  readonly name: string;
  readonly servers: readonly ShardOptions[];
  readonly distribution: DistributionKind;
  readonly placement: DistributionOptions;
  readonly retry: RetryPolicy;
  /** What clients sent here; default: none are remembered from before. */
  readonly scripts?: Scripts;
  /** null: no active check. */
  readonly healthCheck: HealthCheckOptions | null;
  /** null: nobody is ejected for failures. */
  readonly outliers: OutlierOptions | null;
}

const PANIC_SHARE = 0.5;

export class Shards implements OwnedGroup {
  readonly name: string;
  readonly servers: readonly Upstream[];
  readonly only: Backend | null;
  readonly hasTags: boolean;
  readonly tally: CommandTally = new CommandTally();
  readonly #options: ShardsOptions;
  readonly #log: Log;
  readonly #all: Distribution;
  #current: Distribution;
  readonly #checks: HealthCheck[] = [];
  readonly #outliers: Outliers | null;
  /** Told when keys change places for reasons of health. */
  readonly #listeners: Set<() => void> = new Set();
  #closed = false;

  constructor(options: ShardsOptions, tick: Tick, log: Log) {
    this.name = options.name;
    this.#options = options;
    this.#log = log;
    const owner = {
      onOrphans: (
        server: Upstream,
        lane: Lane,
        orphans: readonly Orphan[],
        error: LinkError,
      ): void => this.#onOrphans(server, lane, orphans, error),
      mends: isNoScript,
      onRefused: (server: Upstream, lane: Lane, refused: RefusedCommand): void => {
        if (!server.heal(lane, refused)) replyError(refused.sink, refused.text);
      },
      onLentError: (): void => {},
      onFailure: (server: Upstream): void =>
        this.#outliers?.onFailure(this.servers.indexOf(server), server.failuresInRow),
      onAlive: (server: Upstream): void => this.#outliers?.onAlive(this.servers.indexOf(server)),
    };
    const { scripts = new Scripts() } = options;
    this.servers = options.servers.map(
      (server) => new Upstream({ ...server, scripts }, owner, tick, this.tally, log),
    );
    this.only = this.servers.length === 1 ? this.servers[0]! : null;
    this.hasTags = options.placement.hashTags ?? false;
    this.#all = createDistribution(
      options.distribution,
      options.servers.map(({ name, weight }) => ({ key: name, weight })),
      options.placement,
    );
    this.#current = this.#all;
    this.#outliers =
      options.outliers === null
        ? null
        : new Outliers(options.outliers, this.servers.length, (index, ejected) => {
            if (ejected) this.servers[index]!.figures.ejections++;
            this.#onHealth(index, ejected ? 'ejected after failures' : 'back after its ejection');
          });
    for (const server of this.servers) server.warm();
    if (options.healthCheck !== null) this.#startChecks(options.healthCheck);
  }

  serverOf(bytes: Buffer, start: number, end: number): Backend | null {
    return this.homeOf(bytes, start, end);
  }

  homeOf(bytes: Buffer, start: number, end: number): Upstream | null {
    const index = this.#current.pick(bytes, start, end);
    return index < 0 ? null : this.servers[index]!;
  }

  primaries(): readonly Upstream[] {
    return this.servers;
  }

  nodes(): readonly Upstream[] {
    return this.servers;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  any(): Backend | null {
    const index = this.servers.findIndex((_server, at) => this.isIn(at));
    return this.servers[Math.max(0, index)]!;
  }

  /** The server takes keys at present. */
  isIn(index: number): boolean {
    const checked = this.#checks[index]?.isHealthy ?? true;
    return checked && !(this.#outliers?.isEjected(index) ?? false);
  }

  isEjected(index: number): boolean {
    return this.#outliers?.isEjected(index) ?? false;
  }

  /** Null: nobody checks. */
  checkOf(index: number): HealthCheck | null {
    return this.#checks[index] ?? null;
  }

  get isReady(): boolean {
    return this.servers.every((server) => server.isConnected);
  }

  get isIdle(): boolean {
    return this.servers.every((server) => server.isIdle);
  }

  /** So many servers are out that health is ignored. */
  get isPanicking(): boolean {
    return this.#current === this.#all && this.servers.some((_server, at) => !this.isIn(at));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const check of this.#checks) check.close();
    this.#outliers?.close();
    await Promise.all(this.servers.map((server) => server.close()));
  }

  #startChecks(options: HealthCheckOptions): void {
    for (const [index, server] of this.servers.entries()) {
      this.#checks.push(
        new HealthCheck(options, server.ownLane(), (healthy) =>
          this.#onHealth(index, healthy ? 'healthy again' : 'unhealthy'),
        ),
      );
    }
  }

  #onHealth(index: number, what: string): void {
    this.#log.warn({ upstream: this.name, server: this.servers[index]!.name }, `server ${what}`);
    const out = this.servers.map((_server, at) => !this.isIn(at));
    const share = out.filter((ejected) => !ejected).length / out.length;
    this.#current =
      share < PANIC_SHARE || !out.includes(true) ? this.#all : this.#all.withEjected(out);
    for (const listener of this.#listeners) listener();
  }

  /** Retries go out first: a sink that fails may ask for something new at once. */
  #onOrphans(server: Upstream, lane: Lane, orphans: readonly Orphan[], error: LinkError): void {
    const { retry } = this.#options;
    const retried: Orphan[] = [];
    const failed: Orphan[] = [];
    for (const orphan of orphans) {
      const isRetried = !this.#closed && decide(orphan, error, retry) === 'retry';
      (isRetried ? retried : failed).push(orphan);
    }
    server.figures.retries += retried.length;
    if (retried.length > 0) lane.resend(retried, retry.backoffMs);
    for (const { sink, spec } of failed) {
      this.tally.row(spec.id).failures++;
      sink.fail(error);
    }
  }
}
