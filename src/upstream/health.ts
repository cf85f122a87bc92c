/**
 * Active health check of one server: PING (or EXISTS of a key that marks maintenance) over a link of its own,
 * so that a server whose connections hang is found even when nobody sends it anything.
 */
import type { Sink } from '../backend/backend.ts';
import { specByName } from '../commands/lookup.ts';
import { exists, ping } from '../commands/own.ts';
import { SIMPLE_ERROR } from '../resp/types.ts';
import type { Lane } from './lane.ts';

export interface HealthCheckOptions {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row that make a server unhealthy. */
  readonly unhealthyThreshold: number;
  /** Successes in a row that make it healthy again. */
  readonly healthyThreshold: number;
  /** Empty: PING. Otherwise EXISTS of this key, and a key that exists means maintenance. */
  readonly key: string;
}

export class HealthCheck {
  #healthy = true;
  #streak = 0;
  #timer: NodeJS.Timeout | null = null;
  /** Of the check under way. */
  #limit: NodeJS.Timeout | null = null;
  #closed = false;
  checks = 0;
  failures = 0;
  readonly #options: HealthCheckOptions;
  readonly #lane: Lane;
  readonly #onChange: (healthy: boolean) => void;
  readonly #request: Buffer;

  constructor(options: HealthCheckOptions, lane: Lane, onChange: (healthy: boolean) => void) {
    this.#options = options;
    this.#lane = lane;
    this.#onChange = onChange;
    this.#request = options.key === '' ? ping() : exists(options.key);
    // Not here: who made the check must have it before it is told of a change.
    this.#wait(0);
  }

  get isHealthy(): boolean {
    return this.#healthy;
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#limit !== null) clearTimeout(this.#limit);
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#check(), ms);
    this.#timer.unref();
  }

  #check(): void {
    if (this.#closed) return;
    let done = false;
    const finish = (ok: boolean): void => {
      if (done) return;
      done = true;
      if (this.#limit !== null) clearTimeout(this.#limit);
      this.#limit = null;
      this.#settle(ok);
    };
    // The link's own time-out is that of commands; a check may be in more of a hurry.
    this.#limit = setTimeout(() => finish(false), this.#options.timeoutMs);
    const sink: Sink = {
      reply: (bytes, start) => finish(this.#isGood(bytes, start)),
      fail: () => finish(false),
    };
    this.checks++;
    const spec = specByName(this.#options.key === '' ? 'ping' : 'exists')!;
    this.#lane.send(this.#request, spec, sink);
  }

  /** A cluster's redirection is a sign of life. */
  #isGood(bytes: Buffer, start: number): boolean {
    if (bytes[start] === SIMPLE_ERROR) {
      const text = bytes.toString('latin1', start + 1, start + 7);
      return text.startsWith('MOVED ') || text.startsWith('ASK ');
    }
    return this.#options.key === '' || bytes.toString('latin1', start, start + 2) === ':0';
  }

  #settle(ok: boolean): void {
    if (this.#closed) return;
    if (!ok) this.failures++;
    this.#streak = ok === this.#healthy ? 0 : this.#streak + 1;
    const threshold = ok ? this.#options.healthyThreshold : this.#options.unhealthyThreshold;
    if (this.#streak >= threshold) {
      this.#healthy = ok;
      this.#streak = 0;
      this.#onChange(ok);
    }
    this.#wait(this.#options.intervalMs);
  }
}
