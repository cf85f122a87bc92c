/**
 * Connections lent to a client, as the router sees them: to the one server of a command's keys, and closed to
 * keys that are elsewhere.
 *
 *   lease(WATCH a) ─▶ server of a ─▶ its connection
 *     dispatch(INCR a) ─▶ same server ─▶ sent, keys rewritten
 *     dispatch(INCR z) ─▶ another     ─▶ CROSSSLOT
 *
 * Reads go to where writes go: a transaction that read from a replica would decide by what was true before.
 */
import {
  type Backend,
  type Lease,
  type LeaseHolder,
  NOTHING_TO_LEND,
  type Refusal,
  type Sink,
} from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { KeyPositions, keysOf } from '../commands/keys.ts';
import { slotOf } from '../commands/slot.ts';
import type { CommandSpec, Door } from '../commands/spec.ts';
import { CROSSSLOT, linkError, severalServers } from '../resp/errors.ts';
import type { AllServers } from './all.ts';
import { replyError } from './answers.ts';
import type { Group } from './group.ts';
import { JoinedLease } from './joined-lease.ts';
import { Rewriter } from './rewriter.ts';
import { type CompiledRoute, type RouteTable, serverOfChannel } from './route.ts';

const NO_HOST = linkError('no_host', 'no server takes this key');

/** Doors of commands that belong to a server; others are about the connection. */
const PLACED: readonly Door[] = ['route', 'all', 'split', 'channel'];

/** Where a command belongs, and what it looks like there. */
interface Place {
  readonly server: Backend;
  readonly command: Command;
}

export class Borrower {
  readonly #routes: RouteTable;
  readonly #servers: AllServers;
  readonly #rewriter: Rewriter;
  readonly #keys = new KeyPositions();

  constructor(routes: RouteTable, servers: AllServers, unknown: CommandSpec) {
    this.#routes = routes;
    this.#servers = servers;
    this.#rewriter = new Rewriter(unknown);
  }

  lease(command: Command, holder: LeaseHolder): Lease | Refusal {
    if (command.spec.over === 'primaries' && command.spec.wait !== null) {
      const servers = this.#servers.primaries();
      if (servers.length > 1) return JoinedLease.of(servers, command, holder);
    }
    const place = this.place(command, null);
    if ('reply' in place) return place;
    const lease = place.server.lease(place.command, holder);
    return 'reply' in lease ? lease : new RoutedLease(this, place.server, lease);
  }

  /** `current` is the server already chosen: what names no key goes there. */
  place(command: Command, current: Backend | null): Place | Refusal {
    const keys = keysOf(command, this.#keys);
    if (keys.count === 0) return this.#placeKeyless(command, keys.invalid, current);
    const routes: (CompiledRoute | null)[] = [];
    for (let i = 0; i < keys.count; i++) {
      const index = keys.indexes[i]!;
      routes.push(this.#routes.find(command.bytes, command.argStart(index), command.argEnd(index)));
    }
    const rewrites = routes.some((route) => route?.rewrites ?? false);
    const written = rewrites ? this.#rewriter.rewrite(command, keys, routes) : command;
    let server: Backend | null = null;
    for (let i = 0; i < keys.count; i++) {
      const index = keys.indexes[i]!;
      const found = lenderOf(routes[i]?.group, written, index);
      if (found === null) return NO_HOST;
      if (server !== null && found !== server) return { reply: CROSSSLOT };
      server = found;
    }
    return server === null ? NOTHING_TO_LEND : { server, command: written };
  }

  #placeKeyless(command: Command, isInvalid: boolean, current: Backend | null): Place | Refusal {
    const { spec } = command;
    // EXEC, SELECT and the like are about the connection.
    const isItsOwn = !PLACED.includes(spec.door);
    if (current !== null && isItsOwn) return { server: current, command };
    const { catchAll, hasOneGroup } = this.#routes;
    if (spec.over === 'channel') {
      // Subscribers hear PUBLISH at whichever server of its group it is said; a shard channel has a server of its own.
      const group = this.#routes.find(command.bytes, command.argStart(1), command.argEnd(1))?.group;
      const isHeard = current !== null && (group?.primaries().includes(current) ?? false);
      if (isHeard && spec.keySpecs.length === 0) return { server: current, command };
      const server = serverOfChannel(this.#routes, command);
      return server === null ? NO_HOST : { server, command };
    }
    const only = hasOneGroup ? (catchAll?.group.only ?? null) : null;
    // Scripts may name no keys, and a wrong number of keys is the server's to tell.
    const isAnyones = isInvalid || spec.keyAt < 0 || spec.over === 'any';
    if (only === null && !isAnyones) return { reply: severalServers(spec.name.replace('|', ' ')) };
    const server = current ?? only ?? catchAll?.group.any() ?? null;
    return server === null ? NO_HOST : { server, command };
  }
}

/** The server that has a key and connections to lend. */
function lenderOf(group: Group | undefined, command: Command, index: number): Backend | null {
  if (group === undefined) return null;
  const { bytes } = command;
  const start = command.argStart(index);
  const end = command.argEnd(index);
  if (group.slotted !== undefined) return group.slotted.ownerOf(slotOf(bytes, start, end));
  return group.only ?? group.serverOf(bytes, start, end);
}

class RoutedLease implements Lease {
  readonly #borrower: Borrower;
  readonly #server: Backend;
  readonly #lease: Lease;

  constructor(borrower: Borrower, server: Backend, lease: Lease) {
    this.#borrower = borrower;
    this.#server = server;
    this.#lease = lease;
  }

  carries(command: Command): boolean {
    const place = this.#borrower.place(command, this.#server);
    return 'server' in place && place.server === this.#server;
  }

  dispatch(command: Command, sink: Sink): void {
    this.dispatchWaiting(command, sink, 0);
  }

  dispatchWaiting(command: Command, sink: Sink, waitMs: number): void {
    const place = this.#borrower.place(command, this.#server);
    if ('reply' in place) replyError(sink, place.reply);
    else if (place.server !== this.#server) replyError(sink, CROSSSLOT);
    else this.#lease.dispatchWaiting(place.command, sink, waitMs);
  }

  unblock(withError: boolean): void {
    this.#lease.unblock(withError);
  }

  release(): void {
    this.#lease.release();
  }

  abandon(): void {
    this.#lease.abandon();
  }
}
