/**
 * When to ask what a fleet looks like: regularly, and sooner when something hints at a change; one survey at a time,
 * and never two within `minIntervalMs`. While a part of it is away that time is `UNEASY_INTERVAL_MS`: whoever replaces
 * it may be known any moment, and until then commands fail. Who is asked and what is believed is the group's.
 */
export interface SurveyOptions {
  readonly refreshMs: number;
  /** Of one question. */
  readonly timeoutMs: number;
  readonly minIntervalMs: number;
  /** Redirections that ask for a survey. */
  readonly afterRedirects: number;
  /** Failures of transport that do. */
  readonly afterFailures: number;
}

/** Four questions a second are little for those who answer, and a quarter of a second is soon for those who wait. */
const UNEASY_INTERVAL_MS = 250;
/** Whoever tells of a change does so once, and others tell of the same one a moment later. */
const HURRIED_INTERVAL_MS = 20;

export interface SurveyHost<Found> {
  /** Asks. Null: no answer could be used; `isOver`: nobody waits for one any more. Never rejects. */
  inquire(isOver: () => boolean): Promise<Found | null>;
  adopt(found: Found): void;
  /** A server that owns keys cannot be reached. */
  isBroken(): boolean;
  /** No answer could be used. */
  onNothing(): void;
}

export class Survey<Found> {
  ok = 0;
  failed = 0;
  readonly #options: SurveyOptions;
  readonly #host: SurveyHost<Found>;
  #isRunning = false;
  #isWanted = false;
  #isClosed = false;
  #startedAt = -Infinity;
  /** The last survey found nothing that could be believed, be it that the nodes see the cluster down. */
  #foundNothing = false;
  #isHurried = false;
  #redirects = 0;
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;
  #dueAt = 0;

  constructor(options: SurveyOptions, host: SurveyHost<Found>) {
    this.#options = options;
    this.#host = host;
  }

  /** It is known what there is, or that nobody says so. */
  get isDone(): boolean {
    return this.ok + this.failed > 0;
  }

  /** Something says that the map is wrong. */
  request(): void {
    if (this.#isRunning) this.#isWanted = true;
    else this.#schedule(0);
  }

  /** Somebody who should know says that something has changed: what is known is out of date for sure. */
  hurry(): void {
    this.#isHurried = true;
    this.request();
  }

  onRedirect(): void {
    if (++this.#redirects >= this.#options.afterRedirects) this.request();
  }

  onFailure(): void {
    if (++this.#failures >= this.#options.afterFailures) this.request();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** A survey that is due earlier already stays. */
  #schedule(ms: number): void {
    if (this.#isClosed) return;
    const now = performance.now();
    const { minIntervalMs } = this.#options;
    const isUneasy = this.#foundNothing || this.#host.isBroken();
    const patience = isUneasy ? UNEASY_INTERVAL_MS : minIntervalMs;
    const interval = Math.min(this.#isHurried ? HURRIED_INTERVAL_MS : patience, minIntervalMs);
    const due = Math.max(now + ms, this.#startedAt + interval);
    if (this.#timer !== null) {
      if (this.#dueAt <= due) return;
      clearTimeout(this.#timer);
    }
    this.#dueAt = due;
    this.#timer = setTimeout(() => void this.#run(), due - now);
    this.#timer.unref();
  }

  async #run(): Promise<void> {
    this.#timer = null;
    this.#isRunning = true;
    this.#isWanted = false;
    this.#isHurried = false;
    this.#startedAt = performance.now();
    this.#redirects = 0;
    this.#failures = 0;
    const found = await this.#host.inquire(() => this.#isClosed);
    this.#isRunning = false;
    if (this.#isClosed) return;
    this.#foundNothing = found === null;
    if (found === null) {
      this.failed++;
      this.#host.onNothing();
    } else {
      this.ok++;
      this.#host.adopt(found);
    }
    // Try again as soon as may be: without a map nobody is served, and without a part of it some are not.
    const isUrgent = this.#isWanted || this.#foundNothing || this.#host.isBroken();
    this.#schedule(isUrgent ? 0 : this.#options.refreshMs);
  }
}
