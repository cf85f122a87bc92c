/**
 * Which server answers a command: route by prefix, then the server of its keys.
 *
 *   one key      route ─▶ server ─▶ dispatch                       (nothing allocated)
 *   many keys    routes ─▶ rewrite ─▶ servers ─┬ one  ─▶ dispatch
 *                                              └ more ─▶ split, or CROSSSLOT
 *   no key       AllServers
 *
 * Keys are rewritten before they are placed, so that a key is where a client of the servers looks for it.
 */
import type { Backend, Lease, LeaseHolder, Refusal, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { KeyPositions, keysOf } from '../commands/keys.ts';
import { slotOf } from '../commands/slot.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { CROSSSLOT, linkError, wrongNumberOfArguments } from '../resp/errors.ts';
import { AllServers } from './all.ts';
import { replyError } from './answers.ts';
import { Borrower } from './borrow.ts';
import { takeCensus } from './census.ts';
import { Channels, PUBLISHED } from './channels.ts';
import { copyTo } from './copies.ts';
import { AnyGather } from './gather.ts';
import type { Group } from './group.ts';
import type { Hubs } from './hub.ts';
import type { About } from './merge-info.ts';
import { patternsStayAt } from './patterns.ts';
import { Rewriter } from './rewriter.ts';
import { type CompiledRoute, type Route, RouteTable } from './route.ts';
import { Scatter } from './scatter.ts';

const NO_HOST = linkError('no_host', 'no server takes this key');

export class Router implements Backend {
  readonly channels: Channels;
  readonly #routes: RouteTable;
  /** Set if there is one route, without prefix, that changes nothing and copies nothing. */
  readonly #plain: Group | null;
  /** The one server that takes every command for it, whatever its keys. */
  readonly #plainOnly: Backend | null;
  readonly #keys = new KeyPositions();
  readonly #servers: AllServers;
  readonly #rewriter: Rewriter;
  readonly #scatter: Scatter;
  readonly #borrower: Borrower;
  /** Route of each key of the command under way. */
  readonly #found: (CompiledRoute | null)[] = [];

  /**
   * `about` is what INFO tells of the door itself; null: nothing. `hubs` are for subscriptions; null: there
   * are none.
   */
  constructor(
    routes: readonly Route[],
    caseInsensitive: boolean,
    unknown: CommandSpec,
    about: About | null,
    hubs: Hubs | null = null,
  ) {
    this.#routes = new RouteTable(routes, caseInsensitive);
    this.#servers = new AllServers(this.#routes, about);
    this.channels = new Channels(this.#routes, hubs);
    const first = this.#routes.all[0];
    const isPlain =
      this.#routes.all.length === 1 &&
      first!.prefix.length === 0 &&
      !first!.rewrites &&
      first!.readGroup === null &&
      first!.mirrors.length === 0;
    this.#plain = isPlain ? first!.group : null;
    this.#plainOnly = this.#plain?.slotted === undefined ? (this.#plain?.only ?? null) : null;
    this.#rewriter = new Rewriter(unknown);
    this.#scatter = new Scatter(unknown);
    this.#borrower = new Borrower(this.#routes, this.#servers, unknown);
  }

  dispatch(command: Command, sink: Sink): void {
    const { keyAt } = command.spec;
    if (keyAt <= 0 && command.spec.door === 'channel') {
      this.#dispatchChannel(command, sink);
      return;
    }
    const plain = this.#plain;
    if (plain !== null && keyAt !== 0) {
      const server =
        this.#plainOnly ??
        (keyAt > 0
          ? plain.serverOf(command.bytes, command.argStart(keyAt), command.argEnd(keyAt), command)
          : null);
      if (server !== null) {
        server.dispatch(command, sink);
        return;
      }
      if (keyAt > 0) {
        sink.fail(NO_HOST);
        return;
      }
    }
    this.#dispatchRouted(command, sink);
  }

  lease(command: Command, holder: LeaseHolder): Lease | Refusal {
    return this.#borrower.lease(command, holder);
  }

  /** Messages to their channel's server; questions about subscribers to all. */
  #dispatchChannel(command: Command, sink: Sink): void {
    const kind = PUBLISHED[command.spec.name];
    if (kind === undefined) {
      takeCensus(this.channels, command, sink);
      return;
    }
    const route = this.#routes.find(command.bytes, command.argStart(1), command.argEnd(1));
    if (route === null || !this.channels.publish(kind, route.group, command, sink)) {
      sink.fail(NO_HOST);
    } else if (route.mirrors.length > 0) {
      copyTo(route.mirrors, command);
    }
  }

  async close(): Promise<void> {
    // Groups are shared by routers and closed by whoever made them.
  }

  #dispatchRouted(command: Command, sink: Sink): void {
    const keys = keysOf(command, this.#keys);
    if (keys.count === 0) {
      this.#dispatchKeyless(command, sink, keys.invalid);
      return;
    }
    if (this.#plain !== null) {
      this.#placeAll(command, keys, this.#plain);
      this.#dispatchPlaced(command, sink, keys);
      return;
    }
    const routes = this.#found;
    routes.length = keys.count;
    let rewrites = false;
    for (let i = 0; i < keys.count; i++) {
      const index = keys.indexes[i]!;
      const route = this.#routes.find(
        command.bytes,
        command.argStart(index),
        command.argEnd(index),
      );
      routes[i] = route;
      rewrites ||= route?.rewrites ?? false;
    }
    const written = rewrites ? this.#rewriter.rewrite(command, keys, routes) : command;
    // Looked up first: a sink that is answered at once may ask again, and the scratch arrays change.
    const mirrors = routes[0]?.mirrors ?? [];
    const isSent = this.#dispatchKeyed(written, sink, keys, routes);
    if (isSent && mirrors.length > 0) copyTo(mirrors, written);
  }

  /** False: refused here, so that nobody should see a copy of it. */
  #dispatchKeyed(
    command: Command,
    sink: Sink,
    keys: KeyPositions,
    routes: readonly (CompiledRoute | null)[],
  ): boolean {
    const scatter = this.#scatter;
    scatter.begin(keys.count);
    for (let i = 0; i < keys.count; i++) {
      const route = routes[i]!;
      const group = route === null ? null : groupFor(route, command.spec);
      const index = keys.indexes[i]!;
      const start = command.argStart(index);
      const end = command.argEnd(index);
      if (group?.slotted !== undefined) {
        const slot = slotOf(command.bytes, start, end);
        scatter.placeInSlot(i, group.slotted.ofSlot(slot, command), slot);
      } else {
        scatter.place(i, group && (group.only ?? group.serverOf(command.bytes, start, end)));
      }
    }
    return this.#dispatchPlaced(command, sink, keys);
  }

  #placeAll(command: Command, keys: KeyPositions, group: Group): void {
    const scatter = this.#scatter;
    const { bytes, start, offsets } = command;
    const { slotted } = group;
    scatter.begin(keys.count);
    for (let i = 0; i < keys.count; i++) {
      const at = keys.indexes[i]! * 2;
      if (slotted !== undefined) {
        const slot = slotOf(bytes, start + offsets[at]!, start + offsets[at + 1]!);
        scatter.placeInSlot(i, slotted.ofSlot(slot, command), slot);
        continue;
      }
      scatter.place(i, group.serverOf(bytes, start + offsets[at]!, start + offsets[at + 1]!));
    }
  }

  /** The scatter knows the server of every key. */
  #dispatchPlaced(command: Command, sink: Sink, keys: KeyPositions): boolean {
    const { spec } = command;
    const scatter = this.#scatter;
    const target = scatter.single;
    if (target !== undefined) {
      if (target === null) sink.fail(NO_HOST);
      else if (patternsStayAt(command, target, this.#routes)) target.dispatch(command, sink);
      else {
        replyError(sink, CROSSSLOT);
        return false;
      }
    } else if (!scatter.isWhole(command)) {
      // Arguments that do not pair up. A node of a cluster would complain of the slots instead.
      replyError(sink, wrongNumberOfArguments(spec.name));
      return false;
    } else if (spec.door === 'split') {
      scatter.split(command, keys, sink);
    } else {
      replyError(sink, CROSSSLOT);
      return false;
    }
    return true;
  }

  /** What a session asks on its own account (may this database be selected?) concerns every server. */
  #askAll(command: Command, sink: Sink): void {
    const servers = this.#servers.reachable();
    const gather = new AnyGather(sink, servers.length);
    for (const server of servers) server.dispatch(command, gather.piece());
  }

  #dispatchKeyless(command: Command, sink: Sink, isInvalid: boolean): void {
    const { spec } = command;
    if (spec.door === 'local') this.#askAll(command, sink);
    else if (spec.over === null && (isInvalid || spec.keyAt < 0)) this.#askAnyone(command, sink);
    else if (this.#servers.dispatch(command, sink)) copyTo(this.#routes.mirrors, command);
  }

  /** Scripts may name no keys, and a wrong number of keys is the server's to complain about. */
  #askAnyone(command: Command, sink: Sink): void {
    const route = this.#routes.catchAll;
    const server = route === null ? null : groupFor(route, command.spec).any();
    if (route === null || server === null) {
      sink.fail(NO_HOST);
      return;
    }
    server.dispatch(command, sink);
    copyTo(route.mirrors, command);
  }
}

function groupFor(route: CompiledRoute, spec: CommandSpec): Group {
  return spec.isRead && route.readGroup !== null ? route.readGroup : route.group;
}
