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
import { CROSSSLOT, linkError, severalServers, TRACKING_NEEDS_ONE_SERVER } from '../resp/errors.ts';
import type { AllServers } from './all.ts';
import { replyError } from './answers.ts';
import { LentCopies } from './copies.ts';
import { FollowingLease } from './following-lease.ts';
import { JoinedLease } from './joined-lease.ts';
import { patternsStayAt } from './patterns.ts';
import type { Place, Placer } from './place.ts';
import { Rewriter } from './rewriter.ts';
import { type CompiledRoute, type Mirror, type RouteTable, serverOfChannel } from './route.ts';

const NO_MIRRORS: readonly Mirror[] = [];
const NO_HOST = linkError('no_host', 'no server takes this key');

/** Doors of commands that belong to a server; others are about the connection. */
const PLACED: readonly Door[] = ['route', 'all', 'split', 'channel'];

export class Borrower implements Placer {
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
    // What the session does by itself and needs a connection for is about all of its commands.
    if (command.spec.door === 'local') return this.#leaseWhole(command, holder);
    if (command.spec.over === 'primaries' && command.spec.wait !== null) {
      const servers = this.#servers.primaries();
      if (servers.length > 1) return JoinedLease.of(servers, command, holder);
    }
    const place = this.place(command, null);
    if ('reply' in place) return place;
    const { following } = place;
    if (following !== null) return FollowingLease.of(this, following, place, holder);
    const lease = place.server.lease(place.command, holder);
    return 'reply' in lease ? lease : new RoutedLease(this, place.server, lease);
  }

  /** From the one server that has every key, under the very names that clients use. */
  #leaseWhole(command: Command, holder: LeaseHolder): Lease | Refusal {
    const { all, catchAll, hasOneGroup } = this.#routes;
    const group = hasOneGroup && catchAll !== null ? catchAll.group : null;
    const isPlain = all.every((route) => !route.rewrites && route.readGroup === null);
    // A cluster of one node is about to have more.
    const isSole = group !== null && group.slotted === undefined && isPlain;
    const server = isSole ? group.only : null;
    if (server === null) return { reply: TRACKING_NEEDS_ONE_SERVER };
    const lease = server.lease(command, holder);
    return 'reply' in lease ? lease : new RoutedLease(this, server, lease);
  }

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
    let place: Place | null = null;
    for (let i = 0; i < keys.count; i++) {
      const found = placeOf(routes[i]!, written, keys.indexes[i]!);
      if (found === null) return NO_HOST;
      if (place !== null && found.server !== place.server) return { reply: CROSSSLOT };
      place ??= found;
    }
    if (place === null) return NOTHING_TO_LEND;
    return patternsStayAt(command, place.server, this.#routes) ? place : { reply: CROSSSLOT };
  }

  #placeKeyless(command: Command, isInvalid: boolean, current: Backend | null): Place | Refusal {
    const { spec } = command;
    // EXEC, SELECT and the like are about the connection.
    const isItsOwn = !PLACED.includes(spec.door);
    const { catchAll, hasOneGroup } = this.#routes;
    const following = catchAll?.group.following ?? null;
    const keyless = { command, slot: -1, following };
    if (current !== null && isItsOwn) return { ...keyless, server: current, mirrors: NO_MIRRORS };
    if (spec.over === 'channel') {
      // Subscribers hear PUBLISH at whichever server of its group it is said; a shard channel has a server of its own.
      const route = this.#routes.find(command.bytes, command.argStart(1), command.argEnd(1));
      const { group, mirrors = NO_MIRRORS } = route ?? {};
      const isHeard = current !== null && (group?.primaries().includes(current) ?? false);
      if (isHeard && spec.keySpecs.length === 0) {
        return { ...keyless, server: current, mirrors };
      }
      const server = serverOfChannel(this.#routes, command);
      return server === null ? NO_HOST : { ...keyless, server, mirrors };
    }
    const only = hasOneGroup ? (catchAll?.group.only ?? null) : null;
    // Scripts may name no keys, and a wrong number of keys is the server's to tell.
    const isAnyones = isInvalid || spec.keyAt < 0 || spec.over === 'any';
    if (only === null && !isAnyones) return { reply: severalServers(spec.name.replace('|', ' ')) };
    const server = current ?? only ?? catchAll?.group.any() ?? null;
    const mirrors = spec.over === null ? (catchAll?.mirrors ?? NO_MIRRORS) : this.#routes.mirrors;
    return server === null ? NO_HOST : { ...keyless, server, mirrors };
  }
}

/** The server that has a key and connections to lend. */
function placeOf(route: CompiledRoute | null, command: Command, index: number): Place | null {
  if (route === null) return null;
  const { group, mirrors } = route;
  const { bytes } = command;
  const start = command.argStart(index);
  const end = command.argEnd(index);
  const { slotted, following = null } = group;
  const slot = slotted === undefined ? -1 : slotOf(bytes, start, end);
  const server =
    slotted === undefined
      ? (group.only ?? group.serverOf(bytes, start, end))
      : slotted.ownerOf(slot);
  return server === null ? null : { server, command, slot, following, mirrors };
}

class RoutedLease implements Lease {
  readonly #borrower: Borrower;
  readonly #server: Backend;
  readonly #lease: Lease;
  readonly #copies = new LentCopies();

  constructor(borrower: Borrower, server: Backend, lease: Lease) {
    this.#borrower = borrower;
    this.#server = server;
    this.#lease = lease;
  }

  carries(command: Command): boolean {
    const place = this.#borrower.place(command, this.#server);
    return 'server' in place && place.server === this.#server;
  }

  prepare(command: Command, then: () => void): boolean {
    return this.#lease.prepare(command, then);
  }

  dispatch(command: Command, sink: Sink): void {
    this.dispatchWaiting(command, sink, 0);
  }

  dispatchWaiting(command: Command, sink: Sink, waitMs: number): void {
    const place = this.#borrower.place(command, this.#server);
    if ('reply' in place) replyError(sink, place.reply);
    else if (place.server !== this.#server) replyError(sink, CROSSSLOT);
    else {
      const { command: written, mirrors } = place;
      this.#lease.dispatchWaiting(written, this.#copies.before(written, sink), waitMs);
      this.#copies.after(written, mirrors);
    }
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
