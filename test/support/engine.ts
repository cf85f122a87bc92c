/** The engine without a door or a socket, and comparisons of it with a real server. */
import assert from 'node:assert/strict';
import { Command } from '../../src/commands/command.ts';
import { CommandTable, checkArity, UNKNOWN } from '../../src/commands/lookup.ts';
import { Engine, type EngineOptions } from '../../src/engine/engine.ts';
import type { EngineLease } from '../../src/engine/lease.ts';
import type { Settings } from '../../src/engine/settings.ts';
import { wrongNumberOfArguments } from '../../src/resp/errors.ts';
import type { Random } from './random.ts';
import { startRedis, type TestRedis } from './redis.ts';
import type { Wire } from './wire.ts';

const TABLE = new CommandTable([]);
const ABORTED = '-EXECABORT Transaction discarded because of previous errors.\r\n';

/** One client of an engine; replies are bytes as text, one character per byte. */
export class EngineClient {
  readonly engine: Engine;
  readonly #lease: EngineLease;
  #transaction: 'none' | 'begun' | 'spoiled' = 'none';
  protocol: 2 | 3 = 2;
  database = 0;
  /** What it asked last has not been answered. */
  isWaiting = false;
  /** Replies that came after `ask` had returned, in their order. */
  readonly later: string[] = [];

  constructor(engine: Engine) {
    this.engine = engine;
    this.#lease = engine.lease(new Command(UNKNOWN, Buffer.alloc(0)), { onLost() {} });
  }

  /** Null: it waits. */
  ask(words: readonly (string | Buffer)[]): string | null {
    const name = String(words[0]).toUpperCase();
    const isSpoiled = name === 'EXEC' && this.#transaction === 'spoiled';
    const answer = this.#ask(isSpoiled ? ['DISCARD'] : words);
    if (name === 'MULTI') this.#transaction = 'begun';
    else if (name === 'EXEC' || name === 'DISCARD') this.#transaction = 'none';
    return isSpoiled ? ABORTED : answer;
  }

  /** What does not come as far as the engine spoils a transaction, as the door has it. */
  #spoil(): void {
    if (this.#transaction === 'begun') this.#transaction = 'spoiled';
  }

  #ask(words: readonly (string | Buffer)[]): string | null {
    const command = new Command(UNKNOWN, Buffer.alloc(0));
    command.fill(
      words.map((word) => (typeof word === 'string' ? Buffer.from(word, 'latin1') : word)),
    );
    command.protocol = this.protocol;
    command.database = this.database;
    const spec = TABLE.resolve(command);
    const isRight = spec !== undefined && checkArity(spec, command.argc);
    if (!isRight) this.#spoil();
    if (spec === undefined) return '-ERR unknown command\r\n';
    command.spec = spec;
    if (!isRight) return `-${wrongNumberOfArguments(spec.name)}\r\n`;
    let answer: string | null = null;
    let isAsking = true;
    this.isWaiting = true;
    this.#lease.dispatch(command, {
      reply: (bytes, start, end) => {
        const text = bytes.toString('latin1', start, end);
        if (isAsking) answer = text;
        else this.later.push(text);
        this.isWaiting = false;
      },
      fail(error) {
        throw error;
      },
    });
    isAsking = false;
    return answer;
  }

  /** As CLIENT UNBLOCK does. */
  unblock(withError: boolean): void {
    this.#lease.unblock(withError);
  }

  /** Its connection has ended, whatever it waits for. */
  leave(): void {
    this.#lease.abandon();
  }
}

export interface Comparison {
  readonly random: Random;
  /** Commands of one round, at most. */
  readonly rounds: number;
  /** The next command. */
  readonly next: (random: Random) => readonly string[];
  /** What is left of a reply before it is compared; default: all of it. */
  readonly normal?: (words: readonly string[], reply: string) => string;
  readonly options?: EngineOptions;
  /** Settings of the engine other than Redis's defaults. */
  readonly settings?: Partial<Settings>;
  /** Settings of the real server. */
  readonly config?: Readonly<Record<string, string>>;
}

/** Plays the same commands to a real server and to an engine, in both protocols: every reply must be the same. */
export async function compareWithServer(comparison: Comparison): Promise<void> {
  await using server = await startRedis({ config: comparison.config ?? {} });
  for (const protocol of [2, 3] as const) await comparePart(server, comparison, protocol);
}

/** Sent together: what the random generator chose does not depend on replies. */
const BATCH = 200;
/** Commands before the one that differs. */
const HISTORY_SHOWN = 12;

async function comparePart(
  server: TestRedis,
  {
    random,
    rounds,
    next,
    normal = (_words, reply) => reply,
    options = {},
    settings = {},
  }: Comparison,
  protocol: 2 | 3,
): Promise<void> {
  await server.ask('FLUSHALL');
  await using wire: Wire = await server.connect({ protocol });
  const engine = new Engine(options);
  Object.assign(engine.settings, settings);
  const client = new EngineClient(engine);
  client.protocol = protocol;
  const history: string[] = [];
  for (let done = 0; done < rounds; done += BATCH) {
    const commands = Array.from({ length: Math.min(BATCH, rounds - done) }, () => next(random));
    const wanted = await wire.askAll(commands.map((words) => [...words]));
    for (const [index, words] of commands.entries()) {
      const shown = words.map((word) => JSON.stringify(word)).join(' ');
      history.push(shown);
      if (history.length > HISTORY_SHOWN) history.shift();
      const found = normal(words, client.ask(words) ?? '(waits)');
      const message = `seed ${random.seed}, RESP${protocol}, command ${done + index}: ${shown}\nbefore: ${history.slice(0, -1).join('\n        ')}`;
      assert.equal(found, normal(words, wanted[index]!), message);
    }
  }
}

/** A reply whose bulk strings are in no order of their own, in one: as that of a hash table. */
export function sortedReply(reply: string): string {
  return reply
    .split(/(?<=\n)(?=[$*])/)
    .sort()
    .join('');
}
