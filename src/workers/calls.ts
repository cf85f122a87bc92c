/**
 * Questions between the main thread and its workers, over one message port each. Every question has a
 * number; an answer or an error comes back under it. Nothing here is on the path of a command.
 *
 *   main ── ready, listen, snapshot, clients, prepare, commit, abort, drain, close ──▶ worker
 *   main ◀── peers (what the other workers say), log ── worker
 */
import type { Snapshot } from '../admin/snapshot.ts';
import type { Config } from '../config/config.ts';
import type { LogLevel } from '../core/log.ts';
import type { ClientAnswer, ClientQuestion } from '../session/clients.ts';

/** By kind: what goes there and what comes back. All of it survives a structured clone. */
export interface Questions {
  /** Answered once the code is loaded: doors open together, or the first to come would all meet one worker. */
  ready: { ask: null; answer: null };
  /** Addresses already bound by another worker; answered with those bound by this one. */
  listen: { ask: Readonly<Record<string, string>>; answer: Readonly<Record<string, string>> };
  snapshot: { ask: null; answer: Snapshot };
  /** A reload, in three steps: see `Worker`. `bound` is what another worker has bound for it. */
  prepare: {
    ask: { readonly config: Config; readonly bound: Readonly<Record<string, string>> };
    answer: Readonly<Record<string, string>>;
  };
  commit: { ask: null; answer: null };
  abort: { ask: null; answer: null };
  clients: { ask: ClientQuestion; answer: ClientAnswer };
  drain: { ask: null; answer: null };
  close: { ask: null; answer: null };
  peers: { ask: ClientQuestion; answer: readonly ClientAnswer[] };
}

export type Kind = keyof Questions;

/** What one side can answer; a function that returns answers at once or later. */
export type Answerers = {
  readonly [K in Kind]?: (ask: Questions[K]['ask']) => Promise<Questions[K]['answer']>;
};

export type Message =
  | { readonly type: 'ask'; readonly id: number; readonly kind: Kind; readonly ask: unknown }
  | { readonly type: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly type: 'error'; readonly id: number; readonly error: PlainError }
  | {
      readonly type: 'log';
      readonly level: LogLevel;
      readonly fields: object;
      readonly text: string;
    };

/** A structured clone of an Error loses these: what an operator is told of a taken port. */
interface PlainError {
  readonly message: string;
  readonly details: {
    readonly code?: string;
    readonly address?: string;
    readonly port?: number;
    /** Which listener could not be opened. */
    readonly listener?: string;
  };
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout | null;
}

export class Calls {
  readonly #post: (message: Message) => void;
  readonly #answerers: Answerers;
  readonly #waiting: Map<number, Waiting> = new Map();
  #lastId = 0;

  constructor(post: (message: Message) => void, answerers: Answerers) {
    this.#post = post;
    this.#answerers = answerers;
  }

  /** `limitMs` null: however long it takes. */
  ask<K extends Kind>(
    kind: K,
    ask: Questions[K]['ask'],
    limitMs: number | null,
  ): Promise<Questions[K]['answer']> {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer =
      limitMs === null
        ? null
        : setTimeout(() => {
            this.#waiting.delete(id);
            reject(new Error(`no answer to "${kind}" within ${limitMs} ms`));
          }, limitMs);
    this.#waiting.set(id, { resolve, reject, timer });
    this.#post({ type: 'ask', id, kind, ask });
    return promise as Promise<Questions[K]['answer']>;
  }

  /** Anything that is not a line of the log. */
  receive(message: Exclude<Message, { type: 'log' }>): void {
    if (message.type === 'ask') {
      this.#answer(message.id, message.kind, message.ask);
      return;
    }
    const waiting = this.#take(message.id);
    // Too late: whoever asked has given up.
    if (waiting === undefined) return;
    if (message.type === 'answer') waiting.resolve(message.answer);
    else waiting.reject(Object.assign(new Error(message.error.message), message.error.details));
  }

  /** The other side is gone. */
  fail(error: Error): void {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error);
  }

  #answer(id: number, kind: Kind, ask: unknown): void {
    // Each side is asked only what it can answer; the types of both are those of `Questions`.
    const answerer = this.#answerers[kind] as (ask: unknown) => Promise<unknown>;
    answerer(ask).then(
      (answer) => this.#post({ type: 'answer', id, answer }),
      (error: unknown) => this.#post({ type: 'error', id, error: toPlain(error) }),
    );
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (waiting !== undefined && waiting.timer !== null) clearTimeout(waiting.timer);
    return waiting;
  }
}

function toPlain(error: unknown): PlainError {
  if (!(error instanceof Error)) return { message: String(error), details: {} };
  const { code, address, port, listener } = error as Error & PlainError['details'];
  return {
    message: error.message,
    details: {
      ...(typeof code === 'string' && { code }),
      ...(typeof address === 'string' && { address }),
      ...(typeof port === 'number' && { port }),
      ...(typeof listener === 'string' && { listener }),
    },
  };
}
