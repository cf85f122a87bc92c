/**
 * Orders to read the configuration again, one after another. Whoever asks while one is under way gets the
 * next, and shares it with all who ask before it begins: it reads what they wrote, and no queue can grow.
 */

export type ReloadOutcome =
  | { readonly kind: 'applied'; readonly changes: object }
  /** As `tidegate check` would say it, one fault per line; the old configuration stays in force. */
  | { readonly kind: 'refused'; readonly faults: string }
  /** There is nothing to read, or no sense in it. */
  | { readonly kind: 'impossible'; readonly reason: string };

export interface ReloadFigures {
  readonly applied: number;
  readonly refused: number;
  /** When the configuration in force was read, in seconds since 1970. */
  readonly readAt: number;
}

export class Reloads implements ReloadFigures {
  applied = 0;
  refused = 0;
  readAt: number = Date.now() / 1000;
  readonly #reload: () => Promise<ReloadOutcome>;
  #running: Promise<ReloadOutcome> | null = null;
  #next: Promise<ReloadOutcome> | null = null;

  constructor(reload: () => Promise<ReloadOutcome>) {
    this.#reload = reload;
  }

  ask(): Promise<ReloadOutcome> {
    if (this.#next !== null) return this.#next;
    if (this.#running === null) return this.#run();
    const after = (): Promise<ReloadOutcome> => {
      this.#next = null;
      return this.#run();
    };
    this.#next = this.#running.then(after, after);
    return this.#next;
  }

  #run(): Promise<ReloadOutcome> {
    this.#running = this.#once();
    return this.#running;
  }

  async #once(): Promise<ReloadOutcome> {
    const startedAt = Date.now() / 1000;
    try {
      const outcome = await this.#reload();
      if (outcome.kind === 'applied') {
        this.applied++;
        this.readAt = startedAt;
      } else if (outcome.kind === 'refused') {
        this.refused++;
      }
      return outcome;
    } finally {
      this.#running = null;
    }
  }
}
