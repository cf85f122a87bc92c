/**
 * Clients that watch what all clients of a listener ask (MONITOR), in this worker and in the others.
 *
 *   session ── show ──▶ line ─┬─▶ monitors of this worker
 *                             └─▶ baskets, one for each other worker that has monitors: it fetches them
 *
 * Nobody waits for a monitor: one that reads too slowly, or asks of more lines than anyone can read, loses
 * lines and is told how many. While nobody watches, all this costs a command is the test of `isOn`.
 */
import type { Command } from '../commands/command.ts';
import { Flag } from '../commands/spec.ts';
import { Rate } from '../core/rate.ts';
import { sourceOf } from './address.ts';
import type { Clients } from './clients.ts';
import type { ListenerFigures } from './figures.ts';
import { monitorLine, wordsOf } from './monitor-line.ts';
import type { Session } from './session.ts';

/** A client that watches. */
export interface Monitor {
  readonly outputBytes: number;
  say(text: string): void;
}

/** Per listener and worker; more lines are only counted. */
const LINES_PER_SECOND_MAX = 20_000;
/** What a monitor has not read; below what would keep its own commands from being read. */
const UNREAD_BYTES_MAX = 512 * 1024;
/** What waits here for another worker. */
const BASKET_BYTES_MAX = 1024 * 1024;
/** A worker that has not fetched for so long has no monitors any more. */
const BASKET_MS = 3000;
const FETCH_MS = 50;
/** Lines left out are told after this long at the latest, if there is room. */
const NOTE_MS = 1000;
/** In the place of a client's address: parsers want a host and a port. */
const NOTE_SOURCE = 'tidegate:0';

/** What waits of one transaction until EXEC runs it. */
const NOTED_BYTES_MAX = 256 * 1024;

/** Commands that are queued, to be shown when they run. */
export class Noted {
  #words: string[] = [];
  #bytes = 0;
  #leftOut = 0;

  add(command: Command): void {
    if (isHidden(command)) return;
    const words = this.#bytes < NOTED_BYTES_MAX ? wordsOf(command) : '';
    this.#bytes += words.length;
    if (words === '') this.#leftOut++;
    else this.#words.push(words);
  }

  /** Gives all and forgets it. */
  take(): readonly string[] {
    const words = this.#leftOut === 0 ? this.#words : [...this.#words, noteWords(this.#leftOut)];
    this.#words = [];
    this.#bytes = 0;
    this.#leftOut = 0;
    return words;
  }
}

interface Basket {
  lines: string[];
  bytes: number;
  leftOut: number;
  readonly timer: NodeJS.Timeout;
}

export class Monitors {
  /** Somebody watches. */
  isOn = false;
  #listener: string;
  readonly #clients: Clients;
  #figures: ListenerFigures;
  readonly #rate: Rate = new Rate(LINES_PER_SECOND_MAX, performance.now());
  /** Lines each has missed since it was last told. */
  readonly #monitors: Map<Monitor, number> = new Map();
  /** By index of the worker that fetches. */
  readonly #baskets: Map<number, Basket> = new Map();
  #fetchTimer: NodeJS.Timeout | null = null;
  #noteTimer: NodeJS.Timeout | null = null;

  constructor(listener: string, clients: Clients, figures: ListenerFigures) {
    this.#listener = listener;
    this.#clients = clients;
    this.#figures = figures;
    clients.monitors.add(this);
  }

  /** After a reload: the same clients, perhaps under another name. */
  configure(listener: string, figures: ListenerFigures): void {
    this.#listener = listener;
    this.#figures = figures;
  }

  get listener(): string {
    return this.#listener;
  }

  /** `then` runs when the other workers know: nothing asked afterwards is missed. */
  prepare(then: () => void): void {
    if (this.#monitors.size > 0) then();
    else this.#fetch(then);
  }

  add(monitor: Monitor): void {
    this.#monitors.set(monitor, 0);
    this.#update();
    this.#fetchLater();
  }

  remove(monitor: Monitor): void {
    if (this.#monitors.delete(monitor)) this.#update();
  }

  /** A command was run. Administrative ones are too dangerous to be shown: Redis hides them, too. */
  show(command: Command, session: Session): void {
    if (isHidden(command)) return;
    this.#show(() => wordsOf(command), command.database, session);
  }

  /** The same for what EXEC runs. */
  showWords(words: string, session: Session): void {
    this.#show(() => words, session.database, session);
  }

  #show(words: () => string, database: number, session: Session): void {
    const isShown = this.#rate.take(performance.now());
    const line = isShown ? monitorLine(database, sourceOf(session), words()) : '';
    for (const monitor of this.#monitors.keys()) {
      if (isShown) this.#offer(monitor, line);
      else this.#leaveOut(monitor, 1);
    }
    for (const basket of this.#baskets.values()) {
      const fits = isShown && basket.bytes + line.length <= BASKET_BYTES_MAX;
      if (fits) basket.lines.push(line);
      else basket.leftOut++;
      basket.bytes += fits ? line.length : 0;
    }
  }

  /** What another worker has not seen yet; from the first time on it is kept for it. */
  fetchedBy(worker: number): { readonly lines: readonly string[]; readonly count: number } {
    const known = this.#baskets.get(worker);
    const { lines = [], leftOut = 0 } = known ?? {};
    if (known === undefined) {
      const timer = setTimeout(() => this.#dropBasket(worker), BASKET_MS).unref();
      this.#baskets.set(worker, { lines: [], bytes: 0, leftOut: 0, timer });
      this.#update();
    } else {
      Object.assign(known, { lines: [], bytes: 0, leftOut: 0 });
      known.timer.refresh();
    }
    return { lines, count: leftOut };
  }

  close(): void {
    this.#clients.monitors.delete(this);
    for (const worker of [...this.#baskets.keys()]) this.#dropBasket(worker);
    this.#monitors.clear();
    this.#update();
    if (this.#noteTimer !== null) clearTimeout(this.#noteTimer);
    if (this.#fetchTimer !== null) clearTimeout(this.#fetchTimer);
  }

  #dropBasket(worker: number): void {
    clearTimeout(this.#baskets.get(worker)?.timer);
    this.#baskets.delete(worker);
    this.#update();
  }

  #update(): void {
    this.isOn = this.#monitors.size > 0 || this.#baskets.size > 0;
  }

  #offer(monitor: Monitor, line: string): void {
    if (monitor.outputBytes + line.length > UNREAD_BYTES_MAX) {
      this.#leaveOut(monitor, 1);
      return;
    }
    this.#note(monitor);
    monitor.say(line);
  }

  #leaveOut(monitor: Monitor, count: number): void {
    if (count === 0) return;
    this.#figures.monitorLinesLeftOut += count;
    this.#monitors.set(monitor, this.#monitors.get(monitor)! + count);
    this.#noteLater();
  }

  #noteLater(): void {
    this.#noteTimer ??= setTimeout(() => {
      this.#noteTimer = null;
      for (const monitor of this.#monitors.keys()) this.#note(monitor);
      if ([...this.#monitors.values()].some((count) => count > 0)) this.#noteLater();
    }, NOTE_MS).unref();
  }

  /** Says what was left out, as a line like others, so that nobody's parser stumbles. */
  #note(monitor: Monitor): void {
    const count = this.#monitors.get(monitor)!;
    // Half full again at once would be a note for every other line.
    if (count === 0 || monitor.outputBytes > UNREAD_BYTES_MAX / 2) return;
    this.#monitors.set(monitor, 0);
    monitor.say(monitorLine(0, NOTE_SOURCE, noteWords(count)));
  }

  #fetchLater(): void {
    if (this.#fetchTimer !== null || this.#monitors.size === 0 || this.#clients.isAlone) return;
    this.#fetchTimer = setTimeout(() => {
      this.#fetchTimer = null;
      this.#fetch(() => this.#fetchLater());
    }, FETCH_MS).unref();
  }

  #fetch(then: () => void): void {
    const { index } = this.#clients;
    const question = { kind: 'monitored', listener: this.#listener, worker: index } as const;
    this.#clients.askOthers(question, (answers) => {
      for (const { lines, count } of answers) {
        for (const monitor of this.#monitors.keys()) {
          for (const line of lines) this.#offer(monitor, line);
          this.#leaveOut(monitor, count);
        }
      }
      then();
    });
  }
}

function isHidden(command: Command): boolean {
  return (command.spec.flags & Flag.admin) !== 0;
}

function noteWords(count: number): string {
  return `"#" "${count} commands left out"`;
}
