/**
 * Which server answers a command: route by prefix, then the server of its keys.
 *
 *   one key      route ─▶ server ─▶ dispatch                       (nothing allocated)
 *   many keys    routes ─▶ rewrite ─▶ servers ─┬ one  ─▶ dispatch
 *                                              └ more ─▶ split, or CROSSSLOT
 *   no key       catch-all route, if any server of it can answer
 *
 * Keys are rewritten before they are placed, so that a key is where a client of the servers looks for it.
 */
import {
  type Backend,
  type Lease,
  type LeaseHolder,
  nowhere,
  type Refusal,
  type Sink,
} from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { KeyPositions, keysOf } from '../commands/keys.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { CROSSSLOT, linkError } from '../resp/errors.ts';
import { replyError } from './answers.ts';
import { Borrower } from './borrow.ts';
import { AnyGather } from './gather.ts';
import type { Group } from './group.ts';
import { Rewriter } from './rewriter.ts';
import { type CompiledRoute, type Mirror, type Route, RouteTable } from './route.ts';
import { Scatter } from './scatter.ts';

const NO_HOST = linkError('no_host', 'no server takes this key');

export class Router implements Backend {
  readonly #routes: RouteTable;
  /** Set if there is one route, without prefix, that changes nothing and copies nothing. */
  readonly #plain: Group | null;
  readonly #keys = new KeyPositions();
  readonly #keyless: Backend | null;
  readonly #rewriter: Rewriter;
  readonly #scatter: Scatter;
  readonly #borrower: Borrower;
  /** Route of each key of the command under way. */
  readonly #found: (CompiledRoute | null)[] = [];

  /** `keyless` answers commands without keys that no single server can; null: nobody does. */
  constructor(
    routes: readonly Route[],
    caseInsensitive: boolean,
    unknown: CommandSpec,
    keyless: Backend | null,
  ) {
    this.#keyless = keyless;
    this.#routes = new RouteTable(routes, caseInsensitive);
    const first = this.#routes.all[0];
    const isPlain =
      this.#routes.all.length === 1 &&
      first!.prefix.length === 0 &&
      !first!.rewrites &&
      first!.readGroup === null &&
      first!.mirrors.length === 0;
    this.#plain = isPlain ? first!.group : null;
    this.#rewriter = new Rewriter(unknown);
    this.#scatter = new Scatter(unknown);
    this.#borrower = new Borrower(this.#routes, unknown);
  }

  dispatch(command: Command, sink: Sink): void {
    const { keyAt } = command.spec;
    const plain = this.#plain;
    if (plain !== null) {
      const server =
        plain.only ??
        (keyAt > 0
          ? plain.serverOf(command.bytes, command.argStart(keyAt), command.argEnd(keyAt))
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
    if (isSent && mirrors.length > 0) this.#mirror(written, mirrors);
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
      const server =
        group === null
          ? null
          : (group.only ??
            group.serverOf(command.bytes, command.argStart(index), command.argEnd(index)));
      scatter.place(i, server);
    }
    return this.#dispatchPlaced(command, sink, keys);
  }

  #placeAll(command: Command, keys: KeyPositions, group: Group): void {
    const scatter = this.#scatter;
    const { bytes, start, offsets } = command;
    scatter.begin(keys.count);
    for (let i = 0; i < keys.count; i++) {
      const at = keys.indexes[i]! * 2;
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
      else target.dispatch(command, sink);
    } else if (!scatter.isWhole(command)) {
      // Arguments that do not pair up: any server words the error as it should be.
      scatter.first.dispatch(command, sink);
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
    const servers = new Set<Backend>();
    for (const route of this.#routes.all) {
      for (const server of route.group.servers) servers.add(server);
      for (const server of route.readGroup?.servers ?? []) servers.add(server);
    }
    const gather = new AnyGather(sink, servers.size);
    for (const server of servers) server.dispatch(command, gather.piece());
  }

  #dispatchKeyless(command: Command, sink: Sink, isInvalid: boolean): void {
    const { spec } = command;
    if (spec.door === 'local') {
      this.#askAll(command, sink);
      return;
    }
    const route = this.#routes.catchAll;
    if (route === null) {
      sink.fail(NO_HOST);
      return;
    }
    const group = groupFor(route, spec);
    // Scripts may name no keys, and a wrong number of keys is the server's to complain about.
    const isAnyones = isInvalid || spec.keyAt < 0;
    const only = this.#routes.hasOneGroup ? group.only : null;
    const server = only ?? (isAnyones ? group.any() : null);
    if (server === null) {
      if (this.#keyless === null) sink.fail(NO_HOST);
      else this.#keyless.dispatch(command, sink);
      return;
    }
    server.dispatch(command, sink);
    if (route.mirrors.length > 0) this.#mirror(command, route.mirrors);
  }

  #mirror(command: Command, mirrors: readonly Mirror[]): void {
    for (const mirror of mirrors) {
      if (mirror.excludeReads && command.spec.isRead) continue;
      if (mirror.percent < 100 && Math.random() * 100 >= mirror.percent) continue;
      mirror.backend.dispatch(command, nowhere);
    }
  }
}

function groupFor(route: CompiledRoute, spec: CommandSpec): Group {
  return spec.isRead && route.readGroup !== null ? route.readGroup : route.group;
}
