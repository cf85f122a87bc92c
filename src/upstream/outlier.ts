/**
 * Passive health: a server that fails several times in a row leaves for a while, longer each time.
 *
 * Which servers leave together is limited by a share of all; one may always leave if another remains, or the
 * rule would do nothing for fewer than ten servers.
 */
export interface OutlierOptions {
  readonly consecutiveFailures: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxEjectionPercent: number;
}

interface Record {
  ejected: boolean;
  times: number;
  timer: NodeJS.Timeout | null;
}

export class Outliers {
  readonly #options: OutlierOptions;
  readonly #records: Record[];
  readonly #onChange: (index: number, ejected: boolean) => void;

  constructor(
    options: OutlierOptions,
    count: number,
    onChange: (index: number, ejected: boolean) => void,
  ) {
    this.#options = options;
    this.#records = Array.from({ length: count }, () => ({
      ejected: false,
      times: 0,
      timer: null,
    }));
    this.#onChange = onChange;
  }

  isEjected(index: number): boolean {
    return this.#records[index]!.ejected;
  }

  onFailure(index: number, failuresInRow: number): void {
    const record = this.#records[index]!;
    if (record.ejected || failuresInRow < this.#options.consecutiveFailures) return;
    if (!this.#mayEject()) return;
    record.ejected = true;
    record.times++;
    const { baseEjectionMs, maxEjectionMs } = this.#options;
    const pause = Math.min(maxEjectionMs, baseEjectionMs * record.times);
    record.timer = setTimeout(() => {
      record.timer = null;
      record.ejected = false;
      this.#onChange(index, false);
    }, pause);
    record.timer.unref();
    this.#onChange(index, true);
  }

  /** A server that has been well for a while is forgiven its history step by step. */
  onAlive(index: number): void {
    const record = this.#records[index]!;
    if (!record.ejected && record.times > 0) record.times--;
  }

  close(): void {
    for (const record of this.#records) if (record.timer !== null) clearTimeout(record.timer);
  }

  #mayEject(): boolean {
    const total = this.#records.length;
    const ejected = this.#records.filter((record) => record.ejected).length;
    if (ejected + 1 >= total) return false;
    return ejected === 0 || ((ejected + 1) / total) * 100 <= this.#options.maxEjectionPercent;
  }
}
