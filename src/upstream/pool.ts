/**
 * Connections to one server that are lent to one client at a time: for transactions and for commands that
 * hold their connection.
 *
 *   take ─▶ idle one of that protocol and database, else a new one ─▶ lent ─▶ giveBack ─▶ idle ─(some time)▶ closed
 *
 * A link that comes back is clean, so that the next client finds nothing of the last one's.
 */
import { type LinkError, linkError } from '../resp/errors.ts';
import type { Protocol } from '../resp/types.ts';
import type { Link } from './link.ts';

/** Links kept for the next who asks; opening one costs a round trip. */
const IDLE_MAX = 16;
/** How long. Servers close silent connections themselves, seldom this soon. */
const IDLE_MS = 10_000;

interface Idle {
  readonly link: Link;
  readonly since: number;
}

export class Pool {
  readonly #max: number;
  readonly #open: (protocol: Protocol, database: number) => Link | LinkError;
  readonly #lent = new Set<Link>();
  /** The one used last is at the end. */
  #idle: Idle[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(max: number, open: (protocol: Protocol, database: number) => Link | LinkError) {
    this.#max = max;
    this.#open = open;
  }

  get lentCount(): number {
    return this.#lent.size;
  }

  take(protocol: Protocol, database: number): Link | LinkError {
    const at = this.#idle.findLastIndex(
      ({ link }) => link.protocol === protocol && link.database === database,
    );
    if (at >= 0) {
      const { link } = this.#idle.splice(at, 1)[0]!;
      this.#lent.add(link);
      return link;
    }
    if (this.#lent.size >= this.#max) return fullError(this.#max);
    if (this.#lent.size + this.#idle.length >= this.#max) this.#idle.shift()?.link.destroy(SPARE);
    const opened = this.#open(protocol, database);
    if (!('code' in opened)) this.#lent.add(opened);
    return opened;
  }

  /** The link is clean. */
  giveBack(link: Link): void {
    this.#lent.delete(link);
    this.#idle.push({ link, since: performance.now() });
    if (this.#idle.length > IDLE_MAX) this.#idle.shift()?.link.destroy(SPARE);
    this.#arm();
  }

  /** The link is closed. */
  forget(link: Link): void {
    this.#lent.delete(link);
    this.#idle = this.#idle.filter((idle) => idle.link !== link);
  }

  close(error: LinkError): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const link of [...this.#lent, ...this.#idle.map((idle) => idle.link)]) link.destroy(error);
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const limit = performance.now() - IDLE_MS;
      const old = this.#idle.filter(({ since }) => since <= limit);
      for (const { link } of old) link.destroy(SPARE);
      if (this.#idle.length > 0) this.#arm();
    }, IDLE_MS).unref();
  }
}

/** Closed because nobody needs it: no failure of the server. */
export const SPARE: LinkError = linkError('closed', 'the connection is not needed any more');

function fullError(max: number): LinkError {
  const reason = `all ${max} connections that may be lent (dedicated_max) are in use`;
  return linkError('busy', reason, `ERR ${reason}`);
}
