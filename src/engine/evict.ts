/**
 * Keeps memory within `maxmemory`: before a command that may need more, keys go until there is room. Which ones is decided
 * by looking at a few at random (https://redis.io/docs/latest/develop/reference/eviction/).
 */
import type { Database } from './keyspace.ts';
import type { Usage } from './usage.ts';

export const POLICIES = [
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'noeviction',
] as const;
export type Policy = (typeof POLICIES)[number];

/** Keys that go for one command at most; what is still too much the next ones pay. */
const EVICTED_AT_ONCE_MAX = 256;
/** What tables take is looked at every so many commands: it changes little from one to the next. */
const MEASURED_EVERY = 64;

export interface EvictionHost {
  readonly databases: readonly Database[];
  readonly now: number;
  readonly usage: Usage;
  /** Bytes in the arena. */
  readonly arena: { readonly bytes: number };
  evict(database: Database, entry: number): void;
}

export class Eviction {
  /** 0: as much as there is. */
  maxBytes = 0;
  policy: Policy = 'noeviction';
  samples = 5;
  readonly #host: EvictionHost;
  #tables = 0;
  #untilMeasured = 0;

  constructor(host: EvictionHost) {
    this.#host = host;
  }

  /** What keys and values take, tables included. */
  get usedBytes(): number {
    if (this.#untilMeasured-- <= 0) {
      this.#untilMeasured = MEASURED_EVERY;
      this.#tables = this.#host.databases.reduce((sum, { bytes }) => sum + bytes, 0);
    }
    return this.#host.arena.bytes + this.#tables;
  }

  /** False: there is no room, and nobody may go. */
  makeRoom(): boolean {
    if (this.usedBytes <= this.maxBytes) return true;
    if (this.policy === 'noeviction') return false;
    for (let i = 0; i < EVICTED_AT_ONCE_MAX && this.usedBytes > this.maxBytes; i++) {
      if (!this.#evictOne()) return false;
    }
    return true;
  }

  #evictOne(): boolean {
    const { databases, usage, now } = this.#host;
    let worst = -1;
    let found: Database | null = null;
    let entryFound = -1;
    for (const database of databases) {
      if (database.size === 0) continue;
      for (let i = 0; i < this.#samplesOf(database); i++) {
        const entry = this.#sample(database);
        if (entry < 0) break;
        const badness = this.#badness(database, entry, usage, now);
        if (badness <= worst) continue;
        worst = badness;
        found = database;
        entryFound = entry;
      }
    }
    if (found === null) return false;
    this.#host.evict(found, entryFound);
    return true;
  }

  #samplesOf(database: Database): number {
    // A random key is as good as another.
    return this.policy.endsWith('random') && database.size > 0 ? 1 : this.samples;
  }

  #sample(database: Database): number {
    return this.policy.startsWith('volatile') ? database.randomExpiring() : database.dict.random();
  }

  #badness(database: Database, entry: number, usage: Usage, now: number): number {
    if (this.policy === 'volatile-ttl') return Number.MAX_SAFE_INTEGER - database.expiresAt(entry);
    if (this.policy.endsWith('random')) return Math.random();
    return usage.badness(database.clockOf(entry), now);
  }
}
