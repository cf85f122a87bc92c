/**
 * A Redis in this process, behind the contract that servers are behind too.
 *
 *   dispatch ─▶ Call ─▶ handler of the command ─▶ Database ─▶ Dict, Arena
 *                 └─▶ Reply ─▶ sink               └─▶ changed: WATCH, blocked clients, the file
 *
 * One command runs at a time and to its end: that is the whole of its concurrency.
 */
import { randomBytes } from 'node:crypto';
import type { Backend, LeaseHolder, Sink } from '../backend/backend.ts';
import type { Feed, FeedOwner } from '../backend/feed.ts';
import type { Command } from '../commands/command.ts';
import { type CommandSpec, Flag } from '../commands/spec.ts';
import { shownSubcommand, unknownCommandText } from '../commands/unknown.ts';
import { assert } from '../core/assert.ts';
import { noSuchSubcommand } from '../resp/errors.ts';
import { ActiveExpiry } from './active-expiry.ts';
import { Blocked } from './blocked.ts';
import { Call, type Handler, Notify } from './call.ts';
import { Client } from './client.ts';
import { EngineConfig } from './config.ts';
import { OUT_OF_MEMORY } from './errors.ts';
import { Eviction, POLICIES } from './evict.ts';
import { sweepFields, takeDueFields } from './expired-fields.ts';
import { handlers, isQuick } from './handlers.ts';
import { Database, type KeyspaceOwner } from './keyspace.ts';
import { EngineLease } from './lease.ts';
import { Arena } from './memory/arena.ts';
import { notifyFlagsOf, publishNotification } from './notifications.ts';
import type { FsyncPolicy } from './persist/append-log.ts';
import { Persistence, type PersistenceOptions } from './persistence.ts';
import { Publishing } from './publishing.ts';
import { defaultSettings, type Settings } from './settings.ts';
import { SlowLog } from './slow-log.ts';
import type { Discarded } from './types.ts';
import { Usage } from './usage.ts';
import type { HashValue } from './values/hash.ts';
import { Watches } from './watch.ts';

export interface EngineOptions {
  /** Default 16. */
  readonly databases?: number;
  /** Milliseconds since 1970; default: the clock of the machine. */
  readonly clock?: () => number;
  /** Default: memory only. */
  readonly persistence?: PersistenceOptions;
}

const DATABASES = 16;
/** Elements given back to memory in one slice, and the pause between two. */
const RELEASE_SLICE = 20_000;
/** A longer command is not quick, whatever it is. */
const QUICK_BYTES_MAX = 64 * 1024;

export class Engine implements Backend, KeyspaceOwner {
  readonly arena: Arena = new Arena();
  readonly databases: Database[];
  readonly watches: Watches = new Watches();
  readonly blocked: Blocked = new Blocked(this);
  readonly publishing: Publishing = new Publishing();
  readonly settings: Settings = defaultSettings();
  readonly config: EngineConfig = new EngineConfig(this.settings);
  readonly usage: Usage = new Usage();
  readonly eviction: Eviction = new Eviction(this);
  readonly slowLog: SlowLog = new SlowLog();
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** 40 hexadecimal digits, another one at every start. */
  readonly runId: string = randomBytes(20).toString('hex');
  /** Milliseconds since 1970, as of the command under way. */
  now: number;
  /** Set of `Notify`; 0: nobody is told. */
  notifyFlags = 0;
  expired = 0;
  evicted = 0;
  commandsRun = 0;
  /** Changes since the start. */
  changes = 0;
  /** Null: memory only, or it is being loaded. */
  persistence: Persistence | null = null;
  readonly #clock: () => number;
  readonly #call: Call;
  /** A sink may ask again before the reply was copied; then the call is not free. */
  #isBusy = false;
  readonly #nobody: Client = new Client(false);
  readonly #expiry: ActiveExpiry = new ActiveExpiry(
    () => this.databases,
    (database, entry) => this.#expireIfDue(database, entry),
    (database) => this.#sweepFields(database),
  );
  #garbage: Discarded[] = [];
  #isCollecting = false;
  #isClosed = false;

  constructor(options: EngineOptions = {}) {
    this.#clock = options.clock ?? oncePerTurn(Date.now);
    this.now = this.#clock();
    this.startedAt = this.now;
    this.databases = Array.from(
      { length: options.databases ?? DATABASES },
      (_none, index) => new Database(index, this.arena, this),
    );
    this.#call = new Call(this);
    this.#followConfig();
    if (options.persistence !== undefined) this.#load(options.persistence);
  }

  /** What is written goes to a file: commands have to say what it gets. */
  get isKept(): boolean {
    return this.persistence !== null;
  }

  dispatch(command: Command, sink: Sink): void {
    this.run(command, this.#nobody, sink);
  }

  lease(_command: Command, holder: LeaseHolder): EngineLease {
    return new EngineLease(this, holder);
  }

  openFeed(owner: FeedOwner): Feed {
    return this.publishing.open(owner);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.publishing.close();
    this.blocked.close();
    this.#expiry.close();
    this.persistence?.close();
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
    const { blocked } = this;
    if (wish !== null) blocked.begin(client, command, wish, sink);
    // Before anybody hears of anything, because who hears may ask for more at once.
    if (blocked.isReady) blocked.serve();
    if (wish === null) this.answer(sink, reply.bytes, reply.length);
    if (blocked.isOwing) blocked.deliver();
    this.#isBusy = isNested;
  }

  /** Gives a reply, the first `length` of these bytes, to the sink, once what it says is safe. */
  answer(sink: Sink, bytes: Buffer, length: number): void {
    if (this.persistence?.delays(sink, bytes, 0, length) !== true) sink.reply(bytes, 0, length);
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
    const { spec } = command;
    const handler = handlers[spec.id];
    if (handler === undefined) refuse(call, spec);
    else if (this.#isRefused(call, spec)) call.reply.error(OUT_OF_MEMORY);
    else {
      if (isQuick[spec.id]! && this.#isUntimed(command)) handler(call);
      else this.#runTimed(handler, call);
      if (call.dirty > 0) this.#onWritten(call);
    }
  }

  /** A command that only puts back what is there: nothing is written of it, nothing counted. */
  remake(call: Call, command: Command, client: Client): void {
    const database = this.databases[command.database];
    const handler = handlers[command.spec.id];
    assert(database !== undefined && handler !== undefined, 'what is there was made by a command');
    call.begin(command, client, database);
    handler(call);
  }

  /** A quick command is not worth looking at the clock twice, which costs as much as it does. */
  #isUntimed(command: Command): boolean {
    return command.end - command.start <= QUICK_BYTES_MAX && !this.slowLog.isStrict;
  }

  #runTimed(handler: Handler, call: Call): void {
    const begin = performance.now();
    handler(call);
    const micros = Math.floor((performance.now() - begin) * 1000);
    this.slowLog.note(call.command, micros, this.now);
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
    this.persistence?.onReset();
    for (const database of [one, other]) {
      this.watches.onSwapped(database);
      this.blocked.onSwapped(database);
    }
    return true;
  }

  /** Forgets all keys of a database. */
  flush(database: Database): void {
    this.watches.onFlushed(database, (key) => database.find(key, 0, key.length) >= 0);
    database.flush();
    this.blocked.onSwapped(database);
    this.persistence?.onReset();
  }

  clock(before: number): number {
    return this.usage.mark(before, this.now);
  }

  /** Null: how long keys are idle is not known under this policy. */
  idleSecondsOf(mark: number): number | null {
    return this.usage.isFrequency ? null : this.usage.idleSeconds(mark, this.now);
  }

  /** Null: how often keys are used is not known under this policy. */
  frequencyOf(mark: number): number | null {
    return this.usage.isFrequency ? this.usage.frequency(mark, this.now) : null;
  }

  evict(database: Database, entry: number): void {
    this.evicted++;
    this.#announceEnd(database, entry, Notify.evicted, 'evicted');
    database.remove(entry);
  }

  resetStatistics(): void {
    this.expired = 0;
    this.evicted = 0;
    this.commandsRun = 0;
    for (const database of this.databases) {
      database.hits = 0;
      database.misses = 0;
    }
  }

  onExpiring(): void {
    this.#expiry.wake();
  }

  onExpired(database: Database, entry: number): void {
    this.expired++;
    this.#announceEnd(database, entry, Notify.expired, 'expired');
  }

  /** A key is about to be removed that nobody asked to remove. */
  #announceEnd(database: Database, entry: number, kind: number, event: string): void {
    const { arena } = this;
    const key = database.dict.keyOf(entry);
    const bytes = arena.bufferOf(key);
    const start = arena.startOf(key);
    const end = start + arena.lengthOf(key);
    this.onChanged(database, bytes, start, end);
    this.persistence?.writeRemoval(database.index, bytes.subarray(start, end));
    this.notify(kind, event, database, bytes, start, end);
  }

  /**
   * Removes fields of a hash whose time has come, `limit` of them at most; false: the key went with the last. The cost
   * is that of removing them one by one, all at once if a command is about to look at the hash.
   */
  expireFields(database: Database, entry: number, limit: number): boolean {
    const hash = database.objectOf(entry) as HashValue;
    const names = takeDueFields(hash, this.now, limit);
    if (names.length === 0) return true;
    const key = Buffer.from(this.arena.view(database.dict.keyOf(entry)));
    const isEmpty = hash.size === 0;
    if (isEmpty) database.remove(entry);
    this.persistence?.writeFieldRemoval(database.index, key, names);
    this.onChanged(database, key, 0, key.length);
    this.notify(Notify.hash, 'hexpired', database, key, 0, key.length);
    if (isEmpty) this.notify(Notify.generic, 'del', database, key, 0, key.length);
    return !isEmpty;
  }

  onChanged(database: Database, bytes: Buffer, start: number, end: number): void {
    if (!this.watches.isEmpty) this.watches.onChanged(database, bytes, start, end);
    if (this.blocked.count > 0) this.blocked.onChanged(database, bytes, start, end);
    this.persistence?.onChanged(database, bytes, start, end);
  }

  onMissed(database: Database, bytes: Buffer, start: number, end: number): void {
    this.notify(Notify.miss, 'keymiss', database, bytes, start, end);
  }

  onAdded(database: Database, bytes: Buffer, start: number, end: number): void {
    this.notify(Notify.created, 'new', database, bytes, start, end);
  }

  /** A keyspace notification, if anybody wants its class. */
  notify(
    kind: number,
    event: string,
    database: Database,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const { notifyFlags, publishing } = this;
    if ((notifyFlags & kind) === 0 || publishing.isSilent) return;
    const key = Buffer.from(bytes.subarray(start, end));
    publishNotification(publishing, notifyFlags, event, database.index, key);
  }

  discard(garbage: Discarded): void {
    this.#garbage.push(garbage);
    if (this.#isCollecting) return;
    this.#isCollecting = true;
    setImmediate(() => this.#collect());
  }

  #load(options: PersistenceOptions): void {
    // While it loads nothing expires: what the file says of a key afterwards is about that very key.
    this.now = 0;
    this.persistence = new Persistence(this, options);
    this.now = this.#clock();
    this.resetStatistics();
  }

  /** There is no room for it. Who waited is served in any case: what he takes is there already. */
  #isRefused({ servedKey }: Call, spec: CommandSpec): boolean {
    const { eviction } = this;
    if (eviction.maxBytes === 0 || servedKey !== null) return false;
    return !eviction.makeRoom() && isHungry(spec);
  }

  #onWritten(call: Call): void {
    this.changes += call.dirty;
    const { persistence } = this;
    if (persistence !== null && !persistence.isLoading) persistence.write(call);
  }

  #followConfig(): void {
    const { config, eviction, usage } = this;
    const follow = (name: string, apply: (value: string) => void): void =>
      config.on(name, (value) => {
        apply(value);
        return null;
      });
    follow('appendfsync', (value) => {
      const { persistence } = this;
      if (persistence !== null) persistence.store.log.policy = value as FsyncPolicy;
    });
    follow('maxmemory', (value) => {
      eviction.maxBytes = Number(value);
    });
    follow('maxmemory-policy', (value) => {
      eviction.policy = POLICIES.find((each) => each === value) ?? 'noeviction';
      usage.isFrequency = eviction.policy.endsWith('lfu');
    });
    follow('maxmemory-samples', (value) => {
      eviction.samples = Number(value);
    });
    follow('auto-aof-rewrite-percentage', (value) => {
      if (this.persistence !== null) this.persistence.rewritePercent = Number(value);
    });
    follow('auto-aof-rewrite-min-size', (value) => {
      if (this.persistence !== null) this.persistence.rewriteBytesMin = Number(value);
    });
    follow('slowlog-log-slower-than', (value) => {
      this.slowLog.thresholdMicros = Number(value);
    });
    follow('slowlog-max-len', (value) => {
      this.slowLog.lengthMax = Number(value);
    });
    follow('notify-keyspace-events', (value) => {
      this.notifyFlags = notifyFlagsOf(value) ?? 0;
    });
    follow('lfu-log-factor', (value) => {
      usage.logFactor = Number(value);
    });
    follow('lfu-decay-time', (value) => {
      usage.decayMinutes = Number(value);
    });
  }

  /** DEBUG SET-ACTIVE-EXPIRE: keys go only when somebody asks for them. */
  set isExpiryActive(isOn: boolean) {
    this.#expiry.isOn = isOn;
  }

  #expireIfDue(database: Database, entry: number): boolean {
    this.now = this.#clock();
    if (database.expiresAt(entry) > this.now) return false;
    this.onExpired(database, entry);
    database.remove(entry);
    if (this.blocked.isReady) {
      this.blocked.serve();
      this.blocked.deliver();
    }
    return true;
  }

  #sweepFields(database: Database): boolean {
    this.now = this.#clock();
    return sweepFields(database, this.now, (entry, limit) =>
      this.expireFields(database, entry, limit),
    );
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

/** Looking at the clock costs a fifth of a quick command, and within one turn of the loop it says the same. */
function oncePerTurn(clock: () => number): () => number {
  let now = 0;
  const forget = (): void => {
    now = 0;
  };
  return () => {
    if (now !== 0) return now;
    now = clock();
    setImmediate(forget);
    return now;
  };
}

function isHungry(spec: CommandSpec): boolean {
  return (spec.flags & Flag.denyoom) !== 0;
}

/** A command of a module, or of a script: to a client it is one that nobody knows. */
function refuse({ command, reply }: Call, { name, subcommands }: CommandSpec): void {
  const isContainer = subcommands !== null && command.argc > 1;
  if (isContainer) reply.error(noSuchSubcommand(shownSubcommand(command), name));
  else reply.error(unknownCommandText(command));
}
