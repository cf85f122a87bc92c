/**
 * Clients that write, read back and count without pause, and know at every moment what each reply must be: what the
 * cluster does meanwhile must not show.
 */
import { bulk, type Wire } from './wire.ts';

export interface LoadReport {
  readonly commands: number;
  /** Error replies, and how often each came. */
  readonly errors: ReadonlyMap<string, number>;
  /** Replies that cannot be true. */
  readonly wrong: readonly string[];
  /** Times of errors, in the milliseconds of `performance.now`. */
  readonly errorsAt: readonly number[];
  /** Acknowledged increments that are not there any more. */
  lost: number;
}

export interface LoadOptions {
  readonly clients: number;
  readonly connect: () => Promise<Wire>;
  /** Keys of each client for SET, GET and MGET. */
  readonly keys?: number;
  readonly pipeline?: number;
  /** A failover may take back what was acknowledged but not replicated: a value may then be an older one. */
  readonly mayLose?: boolean;
  /** Transactions too, plain ones and ones that compare and set. */
  readonly transactions?: boolean;
}

export class ClusterLoad {
  readonly #options: LoadOptions;
  readonly #clients: LoadClient[] = [];
  readonly #runs: Promise<void>[] = [];

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    for (let i = 0; i < this.#options.clients; i++) {
      const client = new LoadClient(i, await this.#options.connect(), this.#options);
      this.#clients.push(client);
      const run = client.run();
      // Told when it is awaited; until then the test may fail for a better reason.
      run.catch(() => {});
      this.#runs.push(run);
    }
  }

  get commands(): number {
    return this.#clients.reduce((sum, { commands }) => sum + commands, 0);
  }

  /** Errors so far. */
  get errors(): number {
    return this.#clients.reduce((sum, { errorsAt }) => sum + errorsAt.length, 0);
  }

  async stop(): Promise<LoadReport> {
    for (const client of this.#clients) client.isStopped = true;
    await Promise.all(this.#runs);
    const errors = new Map<string, number>();
    for (const { errors: own } of this.#clients) {
      for (const [text, count] of own) errors.set(text, (errors.get(text) ?? 0) + count);
    }
    return {
      commands: this.commands,
      errors,
      wrong: this.#clients.flatMap(({ wrong }) => wrong),
      errorsAt: this.#clients.flatMap(({ errorsAt }) => errorsAt).sort((a, b) => a - b),
      lost: this.#clients.reduce((sum, { lost }) => sum + lost, 0),
    };
  }
}

class LoadClient {
  isStopped = false;
  commands = 0;
  lost = 0;
  readonly errors: Map<string, number> = new Map();
  readonly errorsAt: number[] = [];
  readonly wrong: string[] = [];
  readonly #name: string;
  readonly #wire: Wire;
  readonly #options: LoadOptions;
  /** What a GET may say: all values whose fate is not known, the last acknowledged one first. */
  readonly #values: Map<string, Set<string>> = new Map();
  #round = 0;
  /** The counter is at least at the first and at most at the second. */
  #atLeast = 0;
  #atMost = 0;
  #transactions = 0;
  #counter = 0;

  constructor(index: number, wire: Wire, options: LoadOptions) {
    this.#name = `load:${index}`;
    this.#wire = wire;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { keys = 8 } = this.#options;
    const names = Array.from({ length: keys }, (_none, i) => `${this.#name}:${i}`);
    while (!this.isStopped) {
      this.#round++;
      for (const name of names) await this.#setAndGet(name);
      await this.#count();
      await this.#readAll(names);
      await this.#overwrite(names[this.#round % keys]!);
      if (this.#options.transactions) {
        await this.#transact();
        await this.#compareAndSet();
      }
    }
    this.#wire.close();
  }

  async #setAndGet(name: string): Promise<void> {
    const value = `${name}=${this.#round}`;
    this.#may(name, value);
    const set = await this.#ask(['SET', name, value]);
    if (set === '+OK\r\n') this.#values.set(name, new Set([value]));
    else if (!set.startsWith('-')) this.#blame('SET', name, set);
    this.#check(name, await this.#ask(['GET', name]));
  }

  /** Many writes of one key in one write of the socket: the last must win. */
  async #overwrite(name: string): Promise<void> {
    const { pipeline = 6 } = this.#options;
    const values = Array.from({ length: pipeline }, (_none, i) => `${name}=${this.#round}.${i}`);
    for (const value of values) this.#may(name, value);
    const replies = await this.#wire.askAll(values.map((value) => ['SET', name, value]));
    const got = replies.map((reply) => this.#note(reply));
    if (got.every((reply) => reply === '+OK\r\n'))
      this.#values.set(name, new Set([values.at(-1)!]));
    this.#check(name, await this.#ask(['GET', name]));
  }

  async #count(): Promise<void> {
    this.#atMost++;
    const reply = await this.#ask(['INCR', `${this.#name}:n`]);
    if (reply.startsWith('-')) return;
    const value = Number(reply.slice(1));
    if (value > this.#atMost) this.#blame('INCR', this.#name, reply);
    if (value <= this.#atLeast) {
      if (this.#options.mayLose) this.lost += this.#atLeast + 1 - value;
      else this.#blame('INCR', this.#name, reply);
    }
    this.#atLeast = value;
    this.#atMost = value;
  }

  /** All of it or nothing, in one pipeline: what each command says is known. */
  async #transact(): Promise<void> {
    const name = `{${this.#name}:${this.#round % 4}}`;
    const value = `${name}=${this.#round}`;
    const replies = await this.#wire.askAll([
      ['MULTI'],
      ['SET', `${name}a`, value],
      ['INCR', `${name}b`],
      ['GET', `${name}a`],
      ['EXEC'],
    ]);
    const expected = ['+OK\r\n', '+QUEUED\r\n', '+QUEUED\r\n', '+QUEUED\r\n'];
    const last = this.#note(replies.pop() ?? '');
    this.#transactions++;
    for (const [index, reply] of replies.entries()) {
      if (this.#note(reply) !== expected[index] && !reply.startsWith('-')) {
        this.#blame('in MULTI', name, reply);
      }
    }
    if (last.startsWith('-')) return;
    const count = Math.ceil(this.#transactions / 4);
    const isTold = /^\*3\r\n\+OK\r\n:(\d+)\r\n/.exec(last);
    const isRead = last.endsWith(bulk(value));
    const isExact = this.#options.mayLose === true || Number(isTold?.[1]) === count;
    if (isTold === null || !isRead || !isExact) this.#blame(`EXEC, expected ${count}`, name, last);
  }

  /** Nobody else writes the counter, so whatever is acknowledged is exactly one more than before. */
  async #compareAndSet(): Promise<void> {
    const name = `${this.#name}:cas`;
    const watched = await this.#ask(['WATCH', name]);
    const read = await this.#ask(['GET', name]);
    if (watched.startsWith('-') || read.startsWith('-')) {
      await this.#ask(['UNWATCH']);
      return;
    }
    const before = read === '$-1\r\n' ? 0 : Number(read.split('\r\n')[1]);
    if (before !== this.#counter && !this.#options.mayLose) {
      this.#blame(`GET, expected ${this.#counter}`, name, read);
    }
    const [, , last = ''] = await this.#wire.askAll([
      ['MULTI'],
      ['SET', name, String(before + 1)],
      ['EXEC'],
    ]);
    this.#note(last);
    this.#counter = before;
    if (last === '*1\r\n+OK\r\n') this.#counter++;
    else if (!last.startsWith('-') && last !== '*-1\r\n') this.#blame('EXEC', name, last);
  }

  async #readAll(names: readonly string[]): Promise<void> {
    const reply = await this.#ask(['MGET', ...names]);
    // One server answers for all of them, or fails for all.
    if (reply.startsWith('-')) return;
    let at = reply.indexOf('\r\n') + 2;
    for (const name of names) {
      const head = reply.indexOf('\r\n', at);
      const length = Number(reply.slice(at + 1, head));
      const end = reply[at] === '$' && length >= 0 ? head + 2 + length + 2 : head + 2;
      this.#check(name, this.#note(reply.slice(at, end)));
      at = end;
    }
  }

  #may(name: string, value: string): void {
    const values = this.#values.get(name) ?? new Set<string>();
    values.add(value);
    this.#values.set(name, values);
  }

  #check(name: string, reply: string): void {
    if (reply.startsWith('-')) return;
    const values = this.#values.get(name)!;
    if ([...values].some((value) => reply === bulk(value))) return;
    const isOlder = reply === '$-1\r\n' || reply.includes(`${name}=`);
    if (this.#options.mayLose && isOlder) {
      this.lost++;
      this.#values.set(name, new Set([reply.split('\r\n')[1] ?? '']));
      return;
    }
    // An errored write may still be done; before the first was, nothing is there.
    if (reply === '$-1\r\n' && values.size > 1) return;
    this.#blame(`GET, expected ${[...values].join(' or ')}`, name, reply);
  }

  async #ask(words: readonly string[]): Promise<string> {
    return this.#note(await this.#wire.ask(...words));
  }

  #note(reply: string): string {
    this.commands++;
    if (reply.startsWith('-')) {
      const text = reply.trim();
      this.errors.set(text, (this.errors.get(text) ?? 0) + 1);
      this.errorsAt.push(performance.now());
    }
    return reply;
  }

  #blame(what: string, name: string, reply: string): void {
    if (this.wrong.length < 20) this.wrong.push(`${what} ${name}: ${reply.trim()}`);
  }
}
