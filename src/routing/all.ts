/**
 * Commands without keys, where several servers stand behind the door.
 *
 *   spec.over ─▶ which servers ─┬ one in all ─▶ the command as it is
 *                               └ more       ─▶ Poll ─▶ Merger ─▶ one reply
 *
 * Over all groups that the routes lead to, for a key may be anywhere; the group of the route without prefix comes
 * first. The servers are counted anew for each command: a cluster may change them at any time.
 */
import type { Backend, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { infoFor } from '../commands/own.ts';
import { SLOT_COUNT, slotOf } from '../commands/slot.ts';
import { type CommandSpec, Flag, type Merge } from '../commands/spec.ts';
import { ByteQueue } from '../core/bytes.ts';
import { encodeValue } from '../resp/encoder.ts';
import {
  INVALID_SHARD,
  linkError,
  NO_CLUSTER,
  noSuchSubcommand,
  notForSeveral,
  shardOutOfRange,
  wrongNumberOfArguments,
} from '../resp/errors.ts';
import type { Value } from '../resp/value.ts';
import { Upstream } from '../upstream/upstream.ts';
import { replyError } from './answers.ts';
import { mergerOf } from './merge.ts';
import { type About, isOwnOnly, ownInfo } from './merge-info.ts';
import { Poll } from './poll.ts';
import { type CompiledRoute, type RouteTable, serverOfChannel } from './route.ts';
import { scan } from './scan.ts';

const NO_HOST = linkError('no_host', 'no server is known');

/** Arguments of INFO.SHARD: itself, the number, one section. */
const SHARD_ARGUMENTS_MAX = 3;

export class AllServers {
  readonly #table: RouteTable;
  /** That without prefix first. */
  readonly #routes: readonly CompiledRoute[];
  readonly #about: About | null;

  /** `about` is what INFO tells of the door itself. */
  constructor(table: RouteTable, about: About | null) {
    this.#table = table;
    const first = table.catchAll;
    const others = table.all.filter((route) => route !== first);
    this.#routes = first === null ? others : [first, ...others];
    this.#about = about;
  }

  /** False: answered or refused here, so that nobody should see a copy of it. */
  dispatch(command: Command, sink: Sink): boolean {
    switch (command.spec.over) {
      case 'primaries':
        return this.#ask(command, this.primaries(), sink);
      case 'nodes':
        return this.#ask(command, this.nodes(), sink);
      case 'channel':
        return this.#send(command, serverOfChannel(this.#table, command), sink);
      case 'cluster':
      case 'slot':
        return this.#askCluster(command, sink);
      case 'shard':
        return this.#askShard(command, sink);
      case 'any':
        return this.#send(command, this.#anyone(), sink);
      case 'here':
        return this.#askOrElse(command, sink, (alone) =>
          answer(alone, command, slotOf(command.bytes, command.argStart(2), command.argEnd(2))),
        );
      case null:
        return this.#askOrElse(command, sink, (alone) => replyError(alone, refusal(command)));
    }
  }

  /** Servers that own keys, each once. */
  primaries(): Backend[] {
    return distinct(this.#routes.flatMap(({ group }) => group.primaries()));
  }

  /** Replicas and the servers of `read_upstream` too. */
  nodes(): Backend[] {
    return distinct(
      this.#routes.flatMap(({ group, readGroup }) => [
        ...group.nodes(),
        ...(readGroup?.nodes() ?? []),
      ]),
    );
  }

  /** Where commands with keys may come to. */
  reachable(): Backend[] {
    const groups = this.#routes.flatMap(({ group, readGroup }) => [group, readGroup ?? group]);
    return distinct(groups.flatMap((group) => group.reachable?.() ?? group.nodes()));
  }

  #ask(command: Command, servers: readonly Backend[], sink: Sink): boolean {
    const { merge } = command.spec;
    if (servers.length < 2 || merge === null) {
      return this.#send(command, this.#reader(command.spec, servers[0] ?? null), sink);
    }
    if (merge === 'scan') return scan(command, servers, sink);
    if (merge === 'info' && this.#about !== null && isOwnOnly(command, this.#about)) {
      answer(sink, command, ownInfo(this.#about));
      return false;
    }
    this.#poll(command, servers, merge, sink);
    return true;
  }

  #poll(command: Command, servers: readonly Backend[], merge: Merge, sink: Sink): void {
    const merger = mergerOf(command, merge, this.#about);
    const { asks } = merger;
    const poll = new Poll(servers.length * asks.length, (done) => {
      const out = new ByteQueue();
      merger.write(done, out);
      sink.reply(out.bytes, 0, out.length);
      out.clear();
    });
    for (const [at, server] of servers.entries()) {
      for (const [step, ask] of asks.entries()) {
        dispatchTo(server, ask, poll.sink(at * asks.length + step));
      }
    }
  }

  #send(command: Command, server: Backend | null, sink: Sink): boolean {
    if (server === null) sink.fail(NO_HOST);
    else dispatchTo(server, command, sink);
    return server !== null;
  }

  /** What no server is asked for, except the only one there is: it answers as it likes. */
  #askOrElse(command: Command, sink: Sink, otherwise: (sink: Sink) => void): boolean {
    const servers = this.primaries();
    if (servers.length === 1) {
      return this.#send(command, this.#reader(command.spec, servers[0]!), sink);
    }
    otherwise(sink);
    return false;
  }

  /** The one server with all keys may have another beside it for reads. */
  #reader(spec: CommandSpec, server: Backend | null): Backend | null {
    return (spec.isRead ? this.#routes[0]?.readGroup?.only : null) ?? server;
  }

  #anyone(): Backend | null {
    for (const { group } of this.#routes) {
      const server = group.any();
      if (server !== null) return server;
    }
    return null;
  }

  #askCluster(command: Command, sink: Sink): boolean {
    const cluster = this.#routes.find(({ group }) => group.cluster !== undefined)?.group.cluster;
    if (cluster === undefined) {
      return this.#askOrElse(command, sink, (alone) => replyError(alone, NO_CLUSTER));
    }
    const slot = command.spec.over === 'slot' ? slotAt(command, 2) : null;
    return this.#send(command, slot === null ? cluster.any() : cluster.ownerOf(slot), sink);
  }

  #askShard(command: Command, sink: Sink): boolean {
    const shard = command.text(1);
    const servers = this.primaries();
    if (command.argc > SHARD_ARGUMENTS_MAX) {
      replyError(sink, wrongNumberOfArguments(command.spec.name));
    } else if (!/^\d+$/.test(shard)) {
      replyError(sink, INVALID_SHARD);
    } else if (Number(shard) >= servers.length) {
      replyError(sink, shardOutOfRange(shard, servers.length - 1));
    } else {
      return this.#send(infoFor(command), servers[Number(shard)]!, sink);
    }
    return false;
  }
}

/**
 * A server that runs a script answers nothing on the link that brought it, not even the command that ends it: what
 * a busy server still takes goes beside.
 */
function dispatchTo(server: Backend, command: Command, sink: Sink): void {
  const isUrgent = (command.spec.flags & Flag.allow_busy) !== 0;
  if (isUrgent && hasBeside(server)) server.dispatchBeside(command, sink);
  else server.dispatch(command, sink);
}

function hasBeside(server: Backend): server is Backend & Pick<Upstream, 'dispatchBeside'> {
  return 'dispatchBeside' in server;
}

/** Two upstreams may name the same server: its keys must not count twice. */
function distinct(servers: readonly Backend[]): Backend[] {
  const found = new Map<string | Backend, Backend>();
  for (const server of servers) {
    const place = server instanceof Upstream ? server.place : server;
    if (!found.has(place)) found.set(place, server);
  }
  return [...found.values()];
}

/** Null: no slot there is; any node words the error. */
function slotAt(command: Command, index: number): number | null {
  const text = command.text(index);
  return /^\d{1,5}$/.test(text) && Number(text) < SLOT_COUNT ? Number(text) : null;
}

function answer(sink: Sink, command: Command, value: Value): void {
  const out = new ByteQueue();
  encodeValue(out, value, command.protocol);
  sink.reply(out.bytes, 0, out.length);
  out.clear();
}

function refusal(command: Command): string {
  const { spec } = command;
  if (spec.subcommands === null || command.argc < 2) return notForSeveral(spec.name);
  return noSuchSubcommand(command.text(1).slice(0, SUBCOMMAND_SHOWN), spec.name);
}

/** Redis prints no more of it. */
const SUBCOMMAND_SHOWN = 128;
