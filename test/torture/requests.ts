/**
 * Requests whose replies tell whom they belong to. Every value carries the name of its key, its client
 * and its database, so a reply that strays to another request is seen at once.
 */
import type { Random } from '../support/random.ts';
import { bulk, decode, ErrorReply, type Value } from '../support/wire.ts';

export interface Request {
  readonly args: readonly string[];
  /** Null: this reply can be meant for this request; else what is wrong with it. */
  check(reply: string): string | null;
}

/** What an outage may answer in place of a server. */
const EXCUSED =
  /^-(upstream failure|no upstream host|finished with \d+ error\(s\)|LOADING [^\r]*)\r\n$/;

export const SHARED_KEYS = 400;

/** Holds its own name as value, in every database that somebody filled. */
export function sharedKey(index: number): string {
  return `self:${index}`;
}

/** Requests of one connection: one database, one protocol, keys nobody else writes. */
export class RequestMaker {
  readonly #random: Random;
  readonly #owner: string;
  readonly #none: string;
  /** Keys a failed SET may still reach: the bytes can lie in a server's socket for a while. */
  readonly #doubtful = new Set<string>();
  #count = 0;

  constructor(random: Random, client: number, connection: number, protocol: 2 | 3) {
    this.#random = random;
    this.#owner = `own:${client}:${connection}`;
    this.#none = protocol === 3 ? '_\r\n' : '$-1\r\n';
  }

  /** One to `limit` requests, to be sent in one write. */
  pipeline(limit: number): Request[] {
    const requests: Request[] = [];
    const length = this.#random.between(1, limit);
    while (requests.length < length) requests.push(...this.#some());
    return requests;
  }

  #some(): Request[] {
    switch (this.#random.below(11)) {
      case 0:
        return [this.#echo()];
      case 1:
      case 2:
      case 3:
        return [this.#getShared()];
      case 4:
      case 5:
        return this.#setAndGet(this.#random.between(1, 40));
      case 6:
        return [this.#mget()];
      case 7:
        return [this.#script()];
      case 8:
        return [this.#sum(['EXISTS', 'TOUCH'])];
      case 9:
        return [this.#wrongType()];
      default:
        return this.#random.chance(10) ? this.#setAndGet(60_000) : [this.#ping()];
    }
  }

  #unique(): string {
    this.#count++;
    return `${this.#owner}#${this.#count}`;
  }

  #echo(): Request {
    const text = this.#unique();
    return { args: ['ECHO', text], check: (reply) => exactly(reply, bulk(text)) };
  }

  #ping(): Request {
    const text = this.#unique();
    return { args: ['PING', text], check: (reply) => exactly(reply, bulk(text)) };
  }

  #getShared(): Request {
    const key = sharedKey(this.#random.below(SHARED_KEYS));
    return { args: ['GET', key], check: (reply) => oneOf(reply, bulk(key), this.#none) };
  }

  /** The GET must find what its own SET stored; a killed server forgets. */
  #setAndGet(length: number): Request[] {
    const key = `${this.#owner}:${this.#random.below(20)}`;
    const value = `${key}=${this.#unique()};`.padEnd(length, '.');
    return [
      {
        args: ['SET', key, value],
        check: (reply) => {
          if (reply !== '+OK\r\n') this.#doubtful.add(key);
          return oneOf(reply, '+OK\r\n');
        },
      },
      {
        args: ['GET', key],
        check: (reply) => {
          if (reply === bulk(value) || reply === this.#none || EXCUSED.test(reply)) return null;
          const older = decode(reply);
          if (this.#doubtful.has(key) && typeof older === 'string' && older.startsWith(`${key}=`))
            return null;
          return `expected ${short(bulk(value))}`;
        },
      },
    ];
  }

  #mget(): Request {
    const keys = Array.from({ length: this.#random.between(2, 20) }, () =>
      sharedKey(this.#random.below(SHARED_KEYS)),
    );
    return { args: ['MGET', ...keys], check: (reply) => eachOwnName(keys, reply) };
  }

  #script(): Request {
    const key = sharedKey(this.#random.below(SHARED_KEYS));
    const text = this.#unique();
    return {
      args: ['EVAL', 'return KEYS[1]..ARGV[1]', '1', key, text],
      check: (reply) => oneOf(reply, bulk(key + text)),
    };
  }

  #sum(commands: readonly string[]): Request {
    const keys = Array.from({ length: this.#random.between(1, 6) }, () =>
      sharedKey(this.#random.below(SHARED_KEYS)),
    );
    return {
      args: [this.#random.pick(commands), ...keys],
      check: (reply) => {
        if (EXCUSED.test(reply)) return null;
        const count = Number(/^:(\d+)\r\n$/.exec(reply)?.[1] ?? Number.NaN);
        return count >= 0 && count <= keys.length ? null : `expected 0 to ${keys.length}`;
      },
    };
  }

  #wrongType(): Request {
    const key = sharedKey(this.#random.below(SHARED_KEYS));
    return {
      args: ['LLEN', key],
      check: (reply) =>
        /^-WRONGTYPE /.test(reply) || reply === ':0\r\n' ? null : oneOf(reply, ':0\r\n'),
    };
  }
}

function exactly(reply: string, expected: string): string | null {
  return reply === expected ? null : `expected ${short(expected)}`;
}

function oneOf(reply: string, ...expected: readonly string[]): string | null {
  if (expected.includes(reply) || EXCUSED.test(reply)) return null;
  return `expected ${expected.map(short).join(' or ')}`;
}

function eachOwnName(keys: readonly string[], reply: string): string | null {
  if (EXCUSED.test(reply)) return null;
  const values = decode(reply);
  if (!Array.isArray(values) || values.length !== keys.length)
    return `expected ${keys.length} values`;
  const wrong = values.findIndex((value, index) => !isFor(keys[index]!, value));
  return wrong < 0 ? null : `expected ${keys[wrong]} in place ${wrong}`;
}

function isFor(key: string, value: Value): boolean {
  if (value instanceof ErrorReply) return EXCUSED.test(`-${value.message}\r\n`);
  return value === null || value === key;
}

export function short(reply: string): string {
  return JSON.stringify(reply.length > 120 ? `${reply.slice(0, 120)}…` : reply);
}
