/**
 * A Redis in this process, behind the contract that servers are behind too.
 *
 *   dispatch ─▶ Call ─▶ handler of the command ─▶ Database ─▶ Dict, Arena
 *                 └─▶ Reply ─▶ sink               └─▶ changed: WATCH, blocked clients, the file
 *
 * One command runs at a time and to its end: that is the whole of its concurrency.
 */
import type { Backend, LeaseHolder, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { ActiveExpiry } from './active-expiry.ts';
import { Blocked } from './blocked.ts';
import { Call, Notify } from './call.ts';
import { Client } from './client.ts';
import { handlers } from './handlers.ts';
import { Database, type KeyspaceOwner } from './keyspace.ts';
import { EngineLease } from './lease.ts';
import { Arena } from './memory/arena.ts';
import { defaultSettings, type Settings } from './settings.ts';
import type { Discarded } from './types.ts';
import { Watches } from './watch.ts';

export interface EngineOptions {
  /** Default 16. */
  readonly databases?: number;
  /** Milliseconds since 1970; default: the clock of the machine. */
  readonly clock?: () => number;
}

const DATABASES = 16;
/** Elements given back to memory in one slice, and the pause between two. */
const RELEASE_SLICE = 20_000;
/** Marks of use count seconds, modulo 2^24. */
const CLOCK_MASK = 0xffffff;

export class Engine implements Backend, KeyspaceOwner {
  readonly arena: Arena = new Arena();
  readonly databases: Database[];
  readonly watches: Watches = new Watches();
  readonly blocked: Blocked = new Blocked(this);
  readonly settings: Settings = defaultSettings();
  /** Milliseconds since 1970, as of the command under way. */
  now: number;
  /** Set of `Notify`; 0: nobody is told. */
  notifyFlags = 0;
  expired = 0;
  commandsRun = 0;
  readonly #clock: () => number;
  readonly #call: Call;
  /** A sink may ask again before the reply was copied; then the call is not free. */
  #isBusy = false;
  readonly #nobody: Client = new Client(false);
  readonly #expiry: ActiveExpiry = new ActiveExpiry(
    () => this.databases,
    (database, entry) => this.#expireIfDue(database, entry),
  );
  #garbage: Discarded[] = [];
  #isCollecting = false;
  #isClosed = false;

  constructor(options: EngineOptions = {}) {
    this.#clock = options.clock ?? Date.now;
    this.now = this.#clock();
    this.databases = Array.from(
      { length: options.databases ?? DATABASES },
      (_none, index) => new Database(index, this.arena, this),
    );
    this.#call = new Call(this);
  }

  dispatch(command: Command, sink: Sink): void {
    this.run(command, this.#nobody, sink);
  }

  lease(_command: Command, holder: LeaseHolder): EngineLease {
    return new EngineLease(this, holder);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.blocked.close();
    this.#expiry.close();
    this.#garbage = [];
  }

  /** Runs a command for a client and gives the reply to the sink. */
  run(command: Command, client: Client, sink: Sink): void {
    const isNested = this.#isBusy;
    const call = isNested ? new Call(this) : this.#call;
    this.#isBusy = true;
    this.now = this.#clock();
    call.mayWait = client.isOne;
    this.execute(call, command, client);
    const { reply, wish } = call;
    if (wish === null) sink.reply(reply.bytes, 0, reply.length);
    else this.blocked.begin(client, command, wish, sink);
    if (this.blocked.isReady) this.blocked.serve();
    this.#isBusy = isNested;
  }

  /** Runs a command; what it says is in `call.reply`, nothing if it waits. */
  execute(call: Call, command: Command, client: Client): void {
    const database = this.databases[command.database];
    if (database === undefined) {
      call.reply.begin(command.protocol);
      call.reply.error('ERR DB index is out of range');
      return;
    }
    call.begin(command, client, database);
    this.commandsRun++;
    const handler = handlers[command.spec.id];
    if (handler === undefined) refuse(call, command.spec);
    else handler(call);
  }

  /** SWAPDB; false: there is no such database. */
  swap(first: number, second: number): boolean {
    const { databases } = this;
    const [one, other] = [databases[first], databases[second]];
    if (one === undefined || other === undefined) return false;
    if (one === other) return true;
    databases[first] = other;
    databases[second] = one;
    other.index = first;
    one.index = second;
    for (const database of [one, other]) {
      this.watches.onSwapped(database);
      this.blocked.onSwapped(database);
    }
    return true;
  }

  clock(_before: number): number {
    return secondsOf(this.now);
  }

  onExpiring(): void {
    this.#expiry.wake();
  }

  onExpired(database: Database, entry: number): void {
    this.expired++;
    const { arena } = this;
    const key = database.dict.keyOf(entry);
    const bytes = arena.bufferOf(key);
    const start = arena.startOf(key);
    const end = start + arena.lengthOf(key);
    this.onChanged(database, bytes, start, end);
    this.notify(Notify.expired, 'expired', database, bytes, start, end);
  }

  onChanged(database: Database, bytes: Buffer, start: number, end: number): void {
    if (!this.watches.isEmpty) this.watches.onChanged(database, bytes, start, end);
    if (this.blocked.count > 0) this.blocked.onChanged(database, bytes, start, end);
  }

  /** A keyspace notification, if anybody wants its class. */
  notify(
    kind: number,
    _event: string,
    _database: Database,
    _bytes: Buffer,
    _start: number,
    _end: number,
  ): void {
    if ((this.notifyFlags & kind) === 0) return;
  }

  discard(garbage: Discarded): void {
    this.#garbage.push(garbage);
    if (this.#isCollecting) return;
    this.#isCollecting = true;
    setImmediate(() => this.#collect());
  }

  #expireIfDue(database: Database, entry: number): boolean {
    this.now = this.#clock();
    if (database.expiresAt(entry) > this.now) return false;
    this.onExpired(database, entry);
    database.remove(entry);
    return true;
  }

  /** Gives memory back a slice per turn of the loop, so that nobody waits for it. */
  #collect(): void {
    const [first] = this.#garbage;
    if (first === undefined || this.#isClosed) {
      this.#isCollecting = false;
      return;
    }
    if (first.release(RELEASE_SLICE)) this.#garbage.shift();
    setImmediate(() => this.#collect());
  }
}

function secondsOf(ms: number): number {
  return Math.floor(ms / 1000) & CLOCK_MASK;
}

function refuse(call: Call, spec: CommandSpec): void {
  call.reply.error(`ERR the embedded engine does not know '${spec.name.replace('|', ' ')}'`);
}
