/**
 * A place for one link: opens it when first needed, and again after a loss, with growing pauses.
 *
 *   idle ──dispatch──▶ open ──lost──▶ (first loss: at once) open ──lost again──▶ resting ──timer──▶ open …
 *
 * While it rests, commands fail at once: waiting would turn one dead server into everybody's time-out. Only
 * lanes that are kept open a link unasked; a database that one client named once is not dialled for ever.
 */
import type { Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { type LinkError, linkError } from '../resp/errors.ts';
import type { Protocol } from '../resp/types.ts';
import type { Link } from './link.ts';
import type { Orphan } from './orphan.ts';

/** What a lane asks of its server. */
export interface LaneHost {
  /** Opens a link, or says why not now. */
  open(lane: Lane): Link | LinkError;
}

const BACKOFF_MS_MIN = 20;
const BACKOFF_MS_MAX = 1000;
/** A link that lived so long was a real one; a server that accepts and hangs up is not dialled in a loop. */
const STEADY_MS = 1000;

export class Lane {
  readonly protocol: Protocol;
  readonly database: number;
  readonly #host: LaneHost;
  readonly #isKept: boolean;
  #link: Link | null = null;
  #failure: LinkError | null = null;
  #backoffMs = 0;
  #openedAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  /** `isKept`: the link is opened again before anyone asks for it. */
  constructor(host: LaneHost, protocol: Protocol, database: number, isKept: boolean) {
    this.#host = host;
    this.#isKept = isKept;
    this.protocol = protocol;
    this.database = database;
  }

  get isKept(): boolean {
    return this.#isKept;
  }

  get link(): Link | null {
    return this.#link;
  }

  get isReady(): boolean {
    return this.#link?.isReady ?? false;
  }

  dispatch(command: Command, sink: Sink): void {
    const link = this.#link ?? this.#open();
    if (link === null) sink.fail(this.#failure ?? CLOSED);
    else link.dispatch(command, sink);
  }

  /** As `dispatch`, for a slot on its way to this server. */
  dispatchAsking(command: Command, sink: Sink): void {
    const link = this.#link ?? this.#open();
    if (link === null) sink.fail(this.#failure ?? CLOSED);
    else link.dispatchAsking(command, sink);
  }

  /** Bytes that are no Command: a health check's. */
  send(bytes: Buffer, spec: CommandSpec, sink: Sink): void {
    const link = this.#link ?? this.#open();
    if (link === null) sink.fail(this.#failure ?? CLOSED);
    else link.send(bytes, spec, sink);
  }

  /**
   * Sends commands of the link just lost once more, after a pause. They go first: what their clients send
   * later waits behind them in the new link, so nobody overtakes himself.
   */
  resend(orphans: readonly Orphan[], pauseMs: number): void {
    const link = this.#link ?? this.#open();
    if (link === null) {
      for (const { sink } of orphans) sink.fail(this.#failure ?? CLOSED);
      return;
    }
    link.pause(pauseMs);
    for (const orphan of orphans) link.resend(orphan);
  }

  /** Opens the link if it may; the reason why not is left in `#failure`. */
  warm(): void {
    if (this.#link === null) this.#open();
  }

  onReady(): void {
    this.#failure = null;
  }

  onClosed(error: LinkError, wasReady: boolean): void {
    this.#link = null;
    if (this.#closed) return;
    this.#failure = error;
    if (wasReady && performance.now() - this.#openedAt > STEADY_MS) this.#backoffMs = 0;
    if (wasReady && this.#backoffMs === 0) {
      // A restart or a cut: the server is likely to be back. Commands wait in the new link meanwhile.
      this.#backoffMs = BACKOFF_MS_MIN / 2;
      if (this.#isKept) this.#open();
    } else {
      this.#rest();
    }
  }

  close(error: LinkError): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#link?.destroy(error);
  }

  #open(): Link | null {
    if (this.#timer !== null || this.#closed) return null;
    const opened = this.#host.open(this);
    if ('code' in opened) {
      this.#failure = opened;
      this.#rest();
      return null;
    }
    this.#link = opened;
    this.#openedAt = performance.now();
    return opened;
  }

  /** Full jitter: doors that lost the same server do not come back in step. */
  #rest(): void {
    this.#backoffMs = Math.min(BACKOFF_MS_MAX, Math.max(BACKOFF_MS_MIN, this.#backoffMs * 2));
    const pause = this.#backoffMs / 2 + (Math.random() * this.#backoffMs) / 2;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#isKept) this.#open();
    }, pause);
    this.#timer.unref();
  }
}

const CLOSED = linkError('closed', 'the upstream is closed');
