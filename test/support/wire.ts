/**
 * A raw RESP client for tests: sends exact bytes, returns exact bytes.
 *
 * It frames replies by itself and shares no code with the product, so a mistake there cannot hide here.
 * Text is latin1 throughout: one character is one byte, so `'$1\r\n\xff\r\n'` is a reply.
 */
import net from 'node:net';
import tls from 'node:tls';

export type Argument = string | number | Buffer;

export type Target =
  | { readonly port: number; readonly host?: string; readonly tls?: tls.ConnectionOptions }
  | { readonly path: string };

export interface WireOptions {
  /** Limit of every single wait. */
  readonly timeoutMs?: number;
  /** Sent (`HELLO 3`) before the connection is handed out. */
  readonly protocol?: 2 | 3;
  /** `AUTH …` arguments, sent before anything else. */
  readonly auth?: readonly string[];
}

interface Waiting {
  resolve(reply: string): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

export class Wire {
  /** Replies that nobody has read yet. */
  readonly #ready: string[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #socket: net.Socket;
  readonly #timeoutMs: number;
  #rest: Buffer = Buffer.alloc(0);
  #closed = false;
  readonly #end: Promise<void>;

  constructor(socket: net.Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    // The reason (reset, end, broken pipe) does not matter to a test: `close` follows.
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    this.#end = new Promise((resolve) => {
      socket.once('close', () => {
        this.#closed = true;
        for (const { reject, timer } of this.#waiting.splice(0)) {
          clearTimeout(timer);
          reject(
            new Error(
              `closed by the peer; unframed rest: ${JSON.stringify(this.rest.slice(0, 200))}`,
            ),
          );
        }
        resolve();
      });
    });
  }

  static async connect(target: Target, options: WireOptions = {}): Promise<Wire> {
    const timeoutMs = options.timeoutMs ?? 5000;
    const wire = new Wire(await openSocket(target, timeoutMs), timeoutMs);
    if (options.auth) await wire.expect('+OK\r\n', 'AUTH', ...options.auth);
    if (options.protocol === 3) await wire.ask('HELLO', '3');
    return wire;
  }

  get socket(): net.Socket {
    return this.#socket;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes received that are not a whole reply. */
  get rest(): string {
    return this.#rest.toString('latin1');
  }

  write(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  send(...args: readonly Argument[]): void {
    this.#socket.write(encode(args));
  }

  /** The next whole reply, byte for byte. */
  read(timeoutMs: number = this.#timeoutMs): Promise<string> {
    const reply = this.#ready.shift();
    if (reply !== undefined) return Promise.resolve(reply);
    if (this.closed) {
      return Promise.reject(
        new Error(`connection closed; rest: ${JSON.stringify(this.rest.slice(0, 200))}`),
      );
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(
          new Error(
            `no reply within ${timeoutMs} ms; unframed: ${JSON.stringify(this.rest.slice(0, 200))}`,
          ),
        );
      }, timeoutMs);
      const waiting: Waiting = { resolve, reject, timer };
      this.#waiting.push(waiting);
    });
  }

  async readAll(count: number, timeoutMs: number = this.#timeoutMs): Promise<string[]> {
    const replies: string[] = [];
    while (replies.length < count) replies.push(await this.read(timeoutMs));
    return replies;
  }

  /** Sends one command and returns its raw reply. */
  ask(...args: readonly Argument[]): Promise<string> {
    this.send(...args);
    return this.read();
  }

  /** Sends one command and returns its decoded reply. */
  async value(...args: readonly Argument[]): Promise<Value> {
    return decode(await this.ask(...args));
  }

  /** Sends all commands in one write and returns the raw replies in order. */
  askAll(commands: readonly (readonly Argument[])[]): Promise<string[]> {
    this.write(Buffer.concat(commands.map(encode)));
    return this.readAll(commands.length);
  }

  async expect(reply: string, ...args: readonly Argument[]): Promise<void> {
    const actual = await this.ask(...args);
    if (actual !== reply) {
      const [wanted, got] = [JSON.stringify(reply), JSON.stringify(actual)];
      throw new Error(`${args.map(String).join(' ')}: expected ${wanted}, got ${got}`);
    }
  }

  /** Waits until the peer has closed; returns everything that nobody has read. */
  async ended(timeoutMs: number = this.#timeoutMs): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new Error(`the peer did not close within ${timeoutMs} ms`)),
        timeoutMs,
      );
    });
    try {
      await Promise.race([this.#end, late]);
    } finally {
      clearTimeout(timer);
    }
    return this.#ready.splice(0).join('') + this.rest;
  }

  /** Nothing more is read from the socket: a slow reader. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Ends the connection at once with a reset, as a killed client does. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  close(): void {
    this.#socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.#end;
  }

  #onData(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (;;) {
      const end = replyEnd(this.#rest, start);
      if (end < 0) break;
      const reply = this.#rest.toString('latin1', start, end);
      start = end;
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#ready.push(reply);
      else {
        clearTimeout(waiting.timer);
        waiting.resolve(reply);
      }
    }
    if (start > 0) this.#rest = this.#rest.subarray(start);
  }
}

function openSocket(target: Target, timeoutMs: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const secure = 'tls' in target && target.tls !== undefined;
    const socket =
      'path' in target
        ? net.connect({ path: target.path })
        : target.tls !== undefined
          ? tls.connect({ host: '127.0.0.1', port: target.port, ...target.tls })
          : net.connect({ host: target.host ?? '127.0.0.1', port: target.port });
    const timer = setTimeout(() => socket.destroy(new Error('connect timed out')), timeoutMs);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    socket.once('error', fail);
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

/** One command as clients send it. */
export function encode(args: readonly Argument[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg), 'latin1');
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** A bulk string as a server sends it. */
export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

/** Where the reply that begins at `start` ends, or -1 while it is incomplete. */
export function replyEnd(bytes: Buffer, start: number): number {
  let position = start;
  for (let remaining = 1; remaining > 0; remaining--) {
    const lineEnd = bytes.indexOf('\r\n', position);
    if (lineEnd < 0) return -1;
    const kind = String.fromCharCode(bytes[position] ?? 0);
    const count = Number(bytes.toString('latin1', position + 1, lineEnd));
    position = lineEnd + 2;
    switch (kind) {
      case '$':
      case '!':
      case '=':
        if (count >= 0) position += count + 2;
        break;
      case '*':
      case '~':
      case '>':
        if (count > 0) remaining += count;
        break;
      case '%':
        remaining += count * 2;
        break;
      case '|':
        // Attributes stand in front of a reply and are no reply of their own.
        remaining += count * 2 + 1;
        break;
      case '+':
      case '-':
      case ':':
      case '_':
      case '#':
      case ',':
      case '(':
        break;
      default:
        throw new Error(`no reply begins with ${JSON.stringify(kind)} at byte ${position}`);
    }
    if (position > bytes.length) return -1;
  }
  return position;
}

/** An error reply, as a value. */
export class ErrorReply extends Error {}

export type Value = string | number | boolean | null | ErrorReply | Value[];

/** Decodes a raw reply; maps become flat arrays, doubles and big numbers stay text. */
export function decode(raw: string): Value {
  let position = 0;
  const line = (): string => {
    const end = raw.indexOf('\r\n', position);
    const text = raw.slice(position, end);
    position = end + 2;
    return text;
  };
  const body = (length: number): string | null => {
    if (length < 0) return null;
    const text = raw.slice(position, position + length);
    position += length + 2;
    return text;
  };
  const many = (length: number): Value[] | null =>
    length < 0 ? null : Array.from({ length }, () => one());
  const one = (): Value => {
    const head = line();
    const text = head.slice(1);
    switch (head[0]) {
      case '-':
        return new ErrorReply(text);
      case ':':
        return Number(text);
      case '$':
        return body(Number(text));
      case '=':
        return body(Number(text))?.slice(4) ?? null;
      case '!':
        return new ErrorReply(body(Number(text)) ?? '');
      case '*':
      case '~':
      case '>':
        return many(Number(text));
      case '%':
        return many(Number(text) * 2);
      case '|':
        many(Number(text) * 2);
        return one();
      case '_':
        return null;
      case '#':
        return text === 't';
      default:
        return text;
    }
  };
  return one();
}
