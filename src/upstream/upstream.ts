/**
 * One server: its lanes (one or more per protocol and database), its health, its figures.
 *
 * A link speaks one protocol and stays in one database, so replies pass byte for byte and nobody can see
 * another client's SELECT. A client stays on one lane (`affinity`), so its commands keep their order.
 */
import { type Backend, type LeaseHolder, nowhere, type Sink } from '../backend/backend.ts';
import type { Feed, FeedOwner } from '../backend/feed.ts';
import type { Command } from '../commands/command.ts';
import { specByName } from '../commands/lookup.ts';
import { clientUnblock, ping, UNBLOCK_NAME } from '../commands/own.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { assert } from '../core/assert.ts';
import type { Log } from '../core/log.ts';
import { Rate } from '../core/rate.ts';
import type { Tick } from '../core/tick.ts';
import { type LinkError, linkError } from '../resp/errors.ts';
import type { Protocol } from '../resp/types.ts';
import { ServerFeed } from './feed.ts';
import { type CommandTally, ServerFigures } from './figures.ts';
import type { Credentials } from './handshake.ts';
import { Lane } from './lane.ts';
import { type LeaseHome, LinkLease, RECALLED } from './lease.ts';
import { Link, type LinkOptions } from './link.ts';
import type { Orphan, RefusedCommand } from './orphan.ts';
import { Pool, SPARE } from './pool.ts';
import { isNoScript, ScriptGiver } from './script-giver.ts';
import { Scripts } from './scripts.ts';

export interface UpstreamOptions extends LinkOptions {
  /** For logs and figures: `host:port`. */
  readonly name: string;
  readonly credentials: Credentials | null;
  /** The database that clients see as 0; other numbers are the server's own. */
  readonly database: number;
  /** Lanes per protocol and database. */
  readonly connections: number;
  /** Connections lent at one time at most. */
  readonly dedicatedMax: number;
  /** New connections per second; null: unlimited. */
  readonly connectionsPerSecond: number | null;
  /** What clients sent to the servers of this one's group; default: nobody else's. */
  readonly scripts?: Scripts;
  /** Time-out on the lane of the door's own questions; default: that of commands. */
  readonly ownTimeoutMs?: number;
}

/** What happens to commands whose link was lost, and who is told of health. */
export interface UpstreamOwner {
  /** Answers the sinks of all orphans, at once or later; called before the lane takes anything else. */
  onOrphans(upstream: Upstream, lane: Lane, orphans: readonly Orphan[], error: LinkError): void;
  /** True: `onRefused` is to be called with the command to which the server says this; valid during the call. */
  mends(bytes: Buffer, start: number, end: number): boolean;
  /** The server refused a command; the owner answers its sink. */
  onRefused(upstream: Upstream, lane: Lane, refused: RefusedCommand): void;
  /** An error on a connection that is lent, which its borrower gets; valid during the call. */
  onLentError(upstream: Upstream, bytes: Buffer, start: number, end: number): void;
  /** A command or a connection failed for a reason of transport. */
  onFailure(upstream: Upstream): void;
  /** The server said something after a failure. */
  onAlive(upstream: Upstream): void;
}

/** Lanes of one server at most: databases times protocols times connections. */
const LANES_MAX = 512;
/** Databases a lane can be told apart by; Redis allows more, nobody has them. */
const DATABASES_MAX = 1 << 20;

export class Upstream implements Backend {
  readonly name: string;
  /** Equal for upstreams that lead to the same keys. */
  readonly place: string;
  readonly figures: ServerFigures = new ServerFigures();
  /** Failures in a row; the owner decides what follows. */
  failuresInRow = 0;
  readonly #options: UpstreamOptions;
  readonly #owner: UpstreamOwner;
  readonly #tick: Tick;
  readonly #tally: CommandTally;
  readonly #log: Log;
  readonly #rate: Rate | null;
  /** The lanes of RESP2 in database 0, where nearly everybody is. */
  readonly #common: Lane[] = [];
  readonly #lanes: Map<number, Lane> = new Map();
  readonly #pool: Pool;
  /** Who has which of the lent links. */
  readonly #leases: Map<Link, LinkLease> = new Map();
  readonly #home: LeaseHome;
  readonly #giver: ScriptGiver;
  /** For health checks and other questions of our own; one of `#lanes`. */
  #own: Lane | null = null;
  #closed = false;

  constructor(
    options: UpstreamOptions,
    owner: UpstreamOwner,
    tick: Tick,
    tally: CommandTally,
    log: Log,
  ) {
    this.name = options.name;
    this.place = `${options.name}/${options.database}`;
    this.#options = options;
    this.#owner = owner;
    this.#tick = tick;
    this.#tally = tally;
    this.#log = log;
    this.#rate =
      options.connectionsPerSecond === null
        ? null
        : new Rate(options.connectionsPerSecond, tick.now);
    this.#pool = new Pool(options.dedicatedMax, (protocol, database) =>
      this.#openDedicated(protocol, database),
    );
    this.#giver = new ScriptGiver(options.scripts ?? new Scripts());
    this.#home = {
      giveBack: (link) => {
        this.#leases.delete(link);
        this.#pool.giveBack(link);
      },
      unblock: (id, withError) =>
        this.#common[0]!.send(clientUnblock(id, withError), specByName(UNBLOCK_NAME)!, nowhere),
      prepare: (link, command, then) => this.#prepareLent(link, command, then),
    };
    for (let i = 0; i < options.connections; i++) this.#common.push(this.#makeLane(2, 0, i, true));
  }

  /** Connects ahead of the first command. */
  warm(): void {
    for (const lane of this.#common) lane.warm();
  }

  /** At least one connection stands. */
  get isConnected(): boolean {
    for (const lane of this.#lanes.values()) if (lane.isReady) return true;
    return false;
  }

  dispatch(command: Command, sink: Sink): void {
    const lane = this.#laneOf(command);
    if (lane === null) {
      sink.fail(TOO_MANY_LANES);
      return;
    }
    if (command.spec.script !== null) this.#prepare(lane, command);
    lane.dispatch(command, sink);
  }

  /** True: the command, which the server has no script for, is under way again with the script in front. */
  heal({ link }: Lane, refused: RefusedCommand): boolean {
    return link !== null && this.#giver.heal(link, refused);
  }

  lease(command: Command, holder: LeaseHolder): LinkLease | LinkError {
    const database = command.database || this.#options.database;
    const link = this.#pool.take(command.protocol, database);
    if ('code' in link) return link;
    const lease = new LinkLease(link, this.#home, this.#options.opTimeoutMs, holder);
    this.#leases.set(link, lease);
    return lease;
  }

  /** Asks whether the server is there, where clients would: `onAlive` tells. */
  knock(): void {
    for (const lane of this.#common) lane.send(PING, PING_SPEC, nowhere);
  }

  /** Ends what is lent: the server is not the one to ask any more. */
  recall(): void {
    for (const lease of [...this.#leases.values()]) lease.recall();
  }

  get leaseCount(): number {
    return this.#leases.size;
  }

  /** On a link where nobody's commands stand in front: for what a server takes while a script keeps it busy. */
  dispatchBeside(command: Command, sink: Sink): void {
    const lane = this.#laneAt(command.protocol, 0, this.#options.connections + 1);
    if (lane === null) sink.fail(TOO_MANY_LANES);
    else lane.dispatch(command, sink);
  }

  /** As `dispatch`, for a slot that is on its way to this server. */
  dispatchAsking(command: Command, sink: Sink): void {
    const lane = this.#laneOf(command);
    if (lane === null) {
      sink.fail(TOO_MANY_LANES);
      return;
    }
    if (command.spec.script !== null) this.#prepare(lane, command);
    lane.dispatchAsking(command, sink);
  }

  /**
   * Calls `passed` once everything that clients have under way here is answered or has failed: a PING goes behind
   * it on each link. False, and no call: nothing is under way.
   */
  fence(passed: () => void): boolean {
    const busy = [...this.#lanes.values()].filter(
      (lane) => lane !== this.#own && !(lane.link?.isIdle ?? true),
    );
    let waiting = busy.length;
    const pass = (): void => {
      if (--waiting === 0) passed();
    };
    const sink: Sink = {
      reply: pass,
      // A link that takes nothing more will have failed or answered what is on it by then.
      fail: (error) =>
        void (error.code === 'busy' ? setTimeout(pass, this.#options.opTimeoutMs) : pass()),
    };
    for (const lane of busy) lane.send(PING, PING_SPEC, sink);
    return busy.length > 0;
  }

  /** See `Link.eachUnderWay`. */
  eachUnderWay(
    affinity: number,
    visit: (bytes: Buffer, spec: CommandSpec, sink: Sink | null) => void,
  ): void {
    for (const lane of this.#lanes.values()) lane.link?.eachUnderWay(affinity, visit);
  }

  /** The lane beside those of clients, for what is asked on our own account: one for all of it. */
  ownLane(): Lane {
    this.#own ??= this.#makeLane(2, 0, this.#options.connections, true);
    return this.#own;
  }

  /** A connection of its own for subscriptions; whoever opens it closes it. */
  openFeed(owner: FeedOwner): Feed {
    return new ServerFeed(this.#options, owner, this.#tick, this.figures, this.#log, () => {
      return this.#rate === null || this.#rate.take(performance.now());
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const error = linkError('closed', 'the upstream is closed');
    for (const lane of this.#lanes.values()) lane.close(error);
    this.#pool.close(error);
  }

  /** Commands under way on the lanes nearly everybody uses: for comparing servers, and cheap. */
  get load(): number {
    let count = 0;
    for (let i = 0; i < this.#common.length; i++) count += this.#common[i]!.link?.pendingCount ?? 0;
    return count;
  }

  get pendingCount(): number {
    let count = 0;
    for (const lane of this.#lanes.values()) count += lane.link?.pendingCount ?? 0;
    return count;
  }

  /** No client waits for it or has a connection of it; health checks do not count. */
  get isIdle(): boolean {
    if (this.#leases.size > 0) return false;
    for (const lane of this.#lanes.values()) {
      if (lane !== this.#own && lane.link !== null && !lane.link.isIdle) return false;
    }
    return true;
  }

  /** Remembers the script that comes by, or sends one ahead. */
  #prepare(lane: Lane, command: Command): void {
    const script = this.#giver.note(command);
    if (script === null) return;
    lane.warm();
    if (lane.link !== null) this.#giver.give(lane.link, script);
  }

  #prepareLent(link: Link, command: Command, then: () => void): boolean {
    const script = this.#giver.note(command);
    if (script === null || this.#giver.isGiven(link, script)) return false;
    this.#giver.giveBeside(link, this.#common[0]!, script, then);
    return true;
  }

  #laneOf({ protocol, database, affinity }: Command): Lane | null {
    if (protocol !== 2 || database !== 0) return this.#lane(protocol, database, affinity);
    return this.#common[affinity % this.#common.length]!;
  }

  #lane(protocol: Protocol, database: number, affinity: number): Lane | null {
    return this.#laneAt(protocol, database, affinity % this.#options.connections);
  }

  #laneAt(protocol: Protocol, database: number, index: number): Lane | null {
    const lane = this.#lanes.get(laneKey(protocol, database, index));
    if (lane !== undefined) return lane;
    if (database >= DATABASES_MAX) return null;
    if (this.#lanes.size >= LANES_MAX && !this.#dropIdleLane()) return null;
    return this.#makeLane(protocol, database, index, false);
  }

  /** Makes room for another lane; false if all are in use. */
  #dropIdleLane(): boolean {
    for (const lane of this.#lanes.values()) {
      if (lane.isKept || !(lane.link?.isIdle ?? true)) continue;
      this.#forget(lane);
      return true;
    }
    return false;
  }

  #forget(lane: Lane): void {
    for (const [key, known] of this.#lanes) if (known === lane) this.#lanes.delete(key);
    lane.close(FORGOTTEN);
  }

  #makeLane(protocol: Protocol, database: number, index: number, isKept: boolean): Lane {
    const lane = new Lane({ open: (opening) => this.#open(opening) }, protocol, database, isKept);
    this.#lanes.set(laneKey(protocol, database, index), lane);
    return lane;
  }

  #open(lane: Lane): Link | LinkError {
    const refusal = this.#refusal();
    if (refusal !== null) return refusal;
    const { credentials, database } = this.#options;
    const password = credentials?.password ?? '';
    const isOwn = lane === this.#own;
    let wasReady = false;
    const link: Link = new Link(
      isOwn ? this.#ownOptions() : this.#options,
      { protocol: lane.protocol, database: lane.database || database, credentials },
      {
        onReady: () => {
          wasReady = true;
          lane.onReady();
        },
        onClosed: (_link, error, orphans) => {
          this.#onClosed(lane, error, wasReady);
          if (orphans.length > 0) this.#owner.onOrphans(this, lane, orphans, error);
        },
        onTimeout: () => this.#onFailure(),
        onErrorReply: (bytes, start, end) => {
          this.#noteError(link, password, bytes, start, end);
          return !isOwn && this.#owner.mends(bytes, start, end);
        },
        onRefused: (refused) => this.#owner.onRefused(this, lane, refused),
        // No one asked for any on a link that all share.
        onPush: () => {},
        onAlive: () => this.#onAlive(),
      },
      this.#tick,
      this.figures,
      this.#tally,
    );
    return link;
  }

  /** A link to lend. It has no time-outs of its own: its lease has. */
  #openDedicated(protocol: Protocol, database: number): Link | LinkError {
    const refusal = this.#refusal();
    if (refusal !== null) return refusal;
    const { credentials } = this.#options;
    const password = credentials?.password ?? '';
    const link: Link = new Link(
      { ...this.#options, opTimeoutMs: 0, flushBytesMin: 0 },
      { protocol, database, credentials, asksId: true },
      {
        onReady: () => {},
        onClosed: (link, error, orphans) => this.#onDedicatedClosed(link, error, orphans),
        onTimeout: () => {},
        onErrorReply: (bytes, start, end) => {
          this.#noteError(link, password, bytes, start, end);
          // Nobody else can answer for a connection that is lent; but what it says of the cluster is worth knowing.
          this.#owner.onLentError(this, bytes, start, end);
          if (isNoScript(bytes, start)) this.#giver.forget(link);
          return false;
        },
        onRefused: () =>
          assert(false, "what is refused on a connection that is lent is its borrower's"),
        onPush: (bytes, start, end) => this.#leases.get(link)?.onPush(bytes, start, end),
        onAlive: () => this.#onAlive(),
      },
      this.#tick,
      this.figures,
      this.#tally,
    );
    return link;
  }

  /** Why no connection may be opened now. */
  #refusal(): LinkError | null {
    if (this.#closed) return linkError('closed', 'the upstream is closed');
    if (this.#rate === null || this.#rate.take(performance.now())) return null;
    this.figures.connectionsRateLimited++;
    return RATE_LIMITED;
  }

  #onDedicatedClosed(link: Link, error: LinkError, orphans: readonly Orphan[]): void {
    this.#pool.forget(link);
    const lease = this.#leases.get(link);
    this.#leases.delete(link);
    // Closed while nobody had it, or because its borrower left: nothing went wrong.
    if (error !== SPARE && error !== RECALLED && lease !== undefined) this.#onLoss(error);
    for (const { sink, spec } of orphans) {
      this.#tally.row(spec.id).failures++;
      sink.fail(error);
    }
    lease?.onClosed();
  }

  #onClosed(lane: Lane, error: LinkError, wasReady: boolean): void {
    if (error === FORGOTTEN) return;
    if (error.code === 'handshake' && lane.database !== 0) {
      // The server lives and says no, as to a database it does not have: nothing to try again.
      this.figures.failures.handshake++;
      this.#forget(lane);
    } else {
      this.#onLoss(error);
    }
    lane.onClosed(error, wasReady);
  }

  #onLoss(error: LinkError): void {
    if (this.#closed) return;
    if (error === EXCHANGED) {
      this.#log.info({ server: this.name }, 'connecting anew with the new password');
      return;
    }
    this.figures.failures[error.code]++;
    this.#log.warn(
      { server: this.name, code: error.code, reason: error.message },
      'upstream connection lost',
    );
    this.#onFailure();
  }

  /** An error is the client's to read; this one is ours to mend as well. */
  #noteError(link: Link, password: string, bytes: Buffer, start: number, end: number): void {
    if (!isNoAuth(bytes, start)) return;
    if (password !== (this.#options.credentials?.password ?? '')) {
      // After this read: what else stands in it is still answered.
      queueMicrotask(() => link.destroy(EXCHANGED));
      return;
    }
    this.#log.error(
      { server: this.name, reason: bytes.toString('latin1', start + 1, end - 2) },
      'server wants a password: set one for this upstream',
    );
  }

  #onAlive(): void {
    if (this.failuresInRow === 0) return;
    this.failuresInRow = 0;
    this.#owner.onAlive(this);
  }

  #ownOptions(): LinkOptions {
    return {
      ...this.#options,
      opTimeoutMs: this.#options.ownTimeoutMs ?? this.#options.opTimeoutMs,
    };
  }

  #onFailure(): void {
    this.failuresInRow++;
    this.#owner.onFailure(this);
  }
}

function laneKey(protocol: Protocol, database: number, index: number): number {
  return (index * DATABASES_MAX + database) * 4 + protocol;
}

/** On a link that stands: its user is gone, or its server has forgotten it. */
function isNoAuth(bytes: Buffer, start: number): boolean {
  return NOAUTHS.some((text) => bytes.toString('latin1', start, start + text.length) === text);
}

const NOAUTHS = ['-NOAUTH ', '-WRONGPASS '];
/** Not the server's fault: it counts as no failure. */
const EXCHANGED = linkError('closed', 'the password was exchanged, the server wants the new one');
const PING: Buffer = ping();
const PING_SPEC: CommandSpec = specByName('ping')!;
const TOO_MANY_LANES = linkError('busy', 'too many databases are in use on this server');
const FORGOTTEN = linkError('closed', 'the lane is not needed any more');
const RATE_LIMITED = linkError('no_host', 'connection rate limit reached');
