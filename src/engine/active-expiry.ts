/**
 * Removes keys whose time has come though nobody asks for them: ten times a second a sample of those that expire, and again
 * at once while many of a sample were due, for a bounded time.
 */
import type { Database } from './keyspace.ts';

const PERIOD_MS = 100;
/** Looked at in one go, as Redis does. */
const SAMPLE = 20;
/** Many: more than this part of a sample was due. */
const MANY = 0.1;
/** Of each period, at most. */
const BUDGET_MS = 10;
/** While there is more to do than that. */
const BUSY_PERIOD_MS = 30;

export class ActiveExpiry {
  readonly #databases: () => readonly Database[];
  readonly #expireIfDue: (database: Database, entry: number) => boolean;
  isOn = true;
  readonly #sweepFields: (database: Database) => boolean;
  #timer: NodeJS.Timeout | null = null;

  /**
   * `expireIfDue` removes the key if its time has come, and says so; `sweepFields` some fields of hashes, and says whether
   * there are more.
   */
  constructor(
    databases: () => readonly Database[],
    expireIfDue: (database: Database, entry: number) => boolean,
    sweepFields: (database: Database) => boolean,
  ) {
    this.#databases = databases;
    this.#expireIfDue = expireIfDue;
    this.#sweepFields = sweepFields;
  }

  /** Called when a key is given an expiry: as long as none has one there is nothing to do. */
  wake(): void {
    this.#wakeIn(PERIOD_MS);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #wakeIn(ms: number): void {
    this.#timer ??= setTimeout(() => this.#run(), ms).unref();
  }

  #run(): void {
    this.#timer = null;
    const end = performance.now() + BUDGET_MS;
    let isWanted = false;
    for (const database of this.isOn ? this.#databases() : []) {
      while (this.#sample(database) && performance.now() < end) {
        // Many were due: there are more.
      }
      while (this.#sweepFields(database) && performance.now() < end) {
        // The same.
      }
      isWanted ||= database.expiringCount > 0 || database.fieldsExpiring.size > 0;
    }
    if (isWanted || !this.isOn) this.#wakeIn(performance.now() < end ? PERIOD_MS : BUSY_PERIOD_MS);
  }

  /** True: many were due. */
  #sample(database: Database): boolean {
    let due = 0;
    for (let i = 0; i < SAMPLE; i++) {
      const entry = database.randomExpiring();
      if (entry < 0) return false;
      if (this.#expireIfDue(database, entry)) due++;
    }
    return due > SAMPLE * MANY;
  }
}
