/**
 * All sessions of the process by id, and what CLIENT LIST, KILL and PAUSE do to them.
 *
 * With several workers each has its own registry; `peers` carries a question to the others and gathers their
 * answers. Ids never repeat between workers: each counts in steps of the number of workers.
 */
import { Alarm } from '../core/alarm.ts';
import type { Log } from '../core/log.ts';
import type { Tick } from '../core/tick.ts';
import { ScriptShelves, type ScriptsPeers } from '../upstream/scripts.ts';
import { addressOf, localAddressOf } from './address.ts';
import { describeClient } from './describe-client.ts';
import type { Monitors } from './monitors.ts';
import type { Session } from './session.ts';

/** A question about clients that every worker answers for its own. */
export type ClientQuestion =
  | { readonly kind: 'list'; readonly filter: ClientFilter }
  | { readonly kind: 'kill'; readonly filter: ClientFilter; readonly askerId: number }
  | { readonly kind: 'pause'; readonly untilMs: number; readonly writesOnly: boolean }
  | { readonly kind: 'unpause' }
  | { readonly kind: 'unblock'; readonly id: number; readonly withError: boolean }
  /** A script that a client loaded at an upstream, latin1; null: its scripts were flushed. */
  | { readonly kind: 'script'; readonly upstream: string; readonly source: string | null }
  /** Lines of MONITOR for the monitors of `worker`. */
  | { readonly kind: 'monitored'; readonly listener: string; readonly worker: number };

export interface ClientFilter {
  readonly ids?: readonly number[];
  readonly address?: string;
  readonly localAddress?: string;
  readonly user?: string;
  readonly type?: string;
  /** Seconds. */
  readonly ageMin?: number;
  /** This one is left out. */
  readonly notId?: number;
}

export interface ClientAnswer {
  readonly lines: readonly string[];
  readonly count: number;
}

/** Asks the other workers; resolves with their answers. */
export type AskPeers = (question: ClientQuestion) => Promise<readonly ClientAnswer[]>;

export class Clients {
  readonly sessions: Map<number, Session> = new Map();
  /** Of all listeners; of one name there are two while a reload moves it. */
  readonly monitors: Set<Monitors> = new Set();
  /** What clients sent as scripts. */
  readonly shelves: ScriptShelves = new ScriptShelves((upstream) => this.#sharing(upstream));
  readonly log: Log;
  /** Of this worker. */
  readonly index: number;
  readonly #tick: Tick;
  readonly #step: number;
  readonly #ask: AskPeers | null;
  #nextId: number;
  #pause: { untilMs: number; writesOnly: boolean } | null = null;
  readonly #pauseEnd = new Alarm();

  constructor(
    tick: Tick,
    log: Log,
    worker: { index: number; count: number },
    ask: AskPeers | null,
  ) {
    this.#tick = tick;
    this.log = log;
    this.index = worker.index;
    this.#step = worker.count;
    this.#nextId = worker.index + 1;
    this.#ask = ask;
  }

  takeId(): number {
    const id = this.#nextId;
    this.#nextId += this.#step;
    return id;
  }

  add(session: Session): void {
    this.sessions.set(session.id, session);
    if (this.#pause !== null) session.setPause(this.#pause.writesOnly ? 'write' : 'all');
  }

  remove(session: Session): void {
    this.sessions.delete(session.id);
  }

  /** The answer of all workers; `then` runs at once if there is only this one. */
  ask(question: ClientQuestion, then: (answers: readonly ClientAnswer[]) => void): void {
    const own = this.answer(question);
    if (this.#ask === null) {
      then([own]);
      return;
    }
    this.#ask(question).then(
      (others) => then([own, ...others]),
      () => then([own]),
    );
  }

  /** There are no other workers. */
  get isAlone(): boolean {
    return this.#ask === null;
  }

  /** The answers of the others alone; of none, if they do not answer. */
  askOthers(question: ClientQuestion, then: (answers: readonly ClientAnswer[]) => void): void {
    if (this.#ask === null) then([]);
    else this.#ask(question).then(then, () => then([]));
  }

  /** How the scripts of one upstream reach the other workers; null: there are none. */
  #sharing(upstream: string): ScriptsPeers | null {
    if (this.#ask === null) return null;
    const tell = (source: string | null): void =>
      this.askOthers({ kind: 'script', upstream, source }, () => {
        // Who does not hear of it sees NOSCRIPT, as without a door.
      });
    return {
      onLoaded: (source) => tell(source.toString('latin1')),
      onFlushed: () => tell(null),
    };
  }

  /** This worker's answer to a question. */
  answer(question: ClientQuestion): ClientAnswer {
    switch (question.kind) {
      case 'list': {
        const lines = [...this.#matching(question.filter)].map((s) =>
          describeClient(s, this.#tick),
        );
        return { lines, count: lines.length };
      }
      case 'kill': {
        const doomed = [...this.#matching(question.filter)];
        for (const session of doomed) {
          // Who ends itself still hears that it worked.
          if (session.id === question.askerId) session.finish();
          else session.close();
        }
        return { lines: [], count: doomed.length };
      }
      case 'pause':
        this.#startPause(question.untilMs, question.writesOnly);
        return { lines: [], count: 0 };
      case 'unblock': {
        const wait = this.sessions.get(question.id)?.wait ?? null;
        wait?.unblock(question.withError);
        return { lines: [], count: wait === null ? 0 : 1 };
      }
      case 'unpause':
        this.#endPause();
        return { lines: [], count: 0 };
      case 'script': {
        const { upstream, source } = question;
        this.shelves.hear(upstream, source === null ? null : Buffer.from(source, 'latin1'));
        return { lines: [], count: 0 };
      }
      case 'monitored': {
        const meant = [...this.monitors].filter(({ listener }) => listener === question.listener);
        const fetched = meant.map((monitors) => monitors.fetchedBy(question.worker));
        return {
          lines: fetched.flatMap(({ lines }) => lines),
          count: fetched.reduce((sum, { count }) => sum + count, 0),
        };
      }
    }
  }

  close(): void {
    this.#pauseEnd.clear();
  }

  *#matching(filter: ClientFilter): Generator<Session> {
    const now = Date.now();
    for (const session of this.sessions.values()) {
      if (filter.notId === session.id) continue;
      if (filter.ids !== undefined && !filter.ids.includes(session.id)) continue;
      if (filter.user !== undefined && filter.user !== session.userName) continue;
      if (filter.address !== undefined && filter.address !== addressOf(session)) continue;
      if (filter.localAddress !== undefined && filter.localAddress !== localAddressOf(session)) {
        continue;
      }
      const type = session.isSubscribed ? 'pubsub' : 'normal';
      if (filter.type !== undefined && filter.type !== type) continue;
      if (filter.ageMin !== undefined && now - session.openedAt < filter.ageMin * 1000) continue;
      yield session;
    }
  }

  /** A second pause never shortens the first, and all commands outweigh writes, as in Redis. */
  #startPause(untilMs: number, writesOnly: boolean): void {
    const before = this.#pause;
    this.#pause = {
      untilMs: Math.max(untilMs, before?.untilMs ?? 0),
      writesOnly: writesOnly && (before?.writesOnly ?? true),
    };
    for (const session of this.sessions.values()) {
      session.setPause(this.#pause.writesOnly ? 'write' : 'all');
    }
    this.#pauseEnd.set(this.#pause.untilMs - Date.now(), () => this.#endPause());
  }

  #endPause(): void {
    this.#pauseEnd.clear();
    this.#pause = null;
    for (const session of this.sessions.values()) session.setPause('none');
  }
}
