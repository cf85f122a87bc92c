/**
 * Nodes of a cluster that say what a test says. Questions about the cluster, greetings and PINGs they answer by
 * themselves, in their place; every other command waits until the test answers it.
 */
import net from 'node:net';
import { until } from './bounded.ts';
import { bulk, decode, replyEnd } from './wire.ts';

export const SLOTS = 16_384;

/** What a scripted node says of itself and the others. */
export interface View {
  state: 'ok' | 'fail';
  epoch: number;
  /** By name of its primary: ranges of slots. */
  shards: readonly ViewShard[];
}

export interface ViewShard {
  readonly primary: ScriptedNode;
  readonly ranges: readonly (readonly [number, number])[];
  readonly replicas?: readonly ScriptedNode[];
  /** `online` unless told, by node. */
  readonly health?: ReadonlyMap<ScriptedNode, string>;
}

interface Asked {
  readonly words: readonly string[];
  reply: string | null;
  readonly connection: Connection;
}

/** Starts nodes that all believe the same: the slots cut evenly among them. */
export async function scriptCluster(count: number): Promise<ScriptedCluster> {
  const nodes = Array.from({ length: count }, () => new ScriptedNode());
  await Promise.all(nodes.map((node) => node.listen()));
  const cluster = new ScriptedCluster(nodes);
  cluster.share(nodes);
  return cluster;
}

export class ScriptedCluster {
  readonly nodes: readonly ScriptedNode[];
  /** The view of every node that has none of its own. */
  readonly view: View = { state: 'ok', epoch: 1, shards: [] };

  constructor(nodes: readonly ScriptedNode[]) {
    this.nodes = nodes;
    for (const node of nodes) node.cluster = this;
  }

  get addresses(): string[] {
    return this.nodes.map(({ address }) => address);
  }

  /** Cuts the slots evenly. */
  share(primaries: readonly ScriptedNode[]): void {
    const border = (index: number): number => Math.floor((SLOTS * index) / primaries.length);
    this.view.shards = primaries.map((primary, index) => ({
      primary,
      ranges: [[border(index), border(index + 1) - 1]],
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
  }
}

export class ScriptedNode {
  cluster: ScriptedCluster | null = null;
  /** What it says instead of what all say. */
  view: View | null = null;
  /** Raw replies instead of what it would say by itself: by the words of the command, `CLUSTER SHARDS`. */
  readonly replies: Map<string, string> = new Map();
  /** Commands of clients in the order heard. */
  readonly heard: string[] = [];
  /** What it says by itself comes so late. */
  delayMs = 0;
  /** Everything heard. */
  readonly all: string[] = [];
  readonly #waiting: Asked[] = [];
  readonly #connections: Set<net.Socket> = new Set();
  readonly #server: net.Server = net.createServer({ noDelay: true }, (socket) => {
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
    new Connection(socket, this);
  });

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Commands that have no answer yet. */
  get waiting(): string[] {
    return this.#waiting.map(({ words }) => words.join(' '));
  }

  listen(port = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
  }

  /** Ends every connection and takes no more. */
  async stop(): Promise<void> {
    for (const socket of this.#connections) socket.resetAndDestroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Waits for a command and answers it, before or after others. */
  async answer(command: string, reply: string): Promise<void> {
    await this.hears(command);
    const index = this.#waiting.findIndex(({ words }) => words.join(' ') === command);
    const [asked] = this.#waiting.splice(index, 1);
    asked!.reply = reply;
    asked!.connection.flush();
  }

  /** Waits until a command is there and has no answer. */
  async hears(command: string): Promise<void> {
    await until(
      () => this.waiting.includes(command),
      `${command} is heard; waiting: ${this.waiting.join(', ')}`,
      5000,
      1,
    );
  }

  onCommand(words: readonly string[], connection: Connection): Asked {
    const text = words.join(' ');
    this.all.push(text);
    const reply = this.#ownReply(words);
    const asked: Asked = { words, reply: this.delayMs > 0 ? null : reply, connection };
    if (reply === null) {
      this.heard.push(text);
      this.#waiting.push(asked);
    } else if (this.delayMs > 0) {
      setTimeout(() => {
        asked.reply = reply;
        connection.flush();
      }, this.delayMs);
    }
    return asked;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #ownReply(words: readonly string[]): string | null {
    const text = words.join(' ').toUpperCase();
    const told = this.replies.get(text);
    if (told !== undefined) return told;
    const view = this.view ?? this.cluster!.view;
    switch (text) {
      case 'PING':
        return '+PONG\r\n';
      case 'READONLY':
        return '+OK\r\n';
      case 'CLIENT ID':
        return ':1\r\n';
      case 'CLUSTER INFO':
        return bulk(`cluster_state:${view.state}\r\ncluster_current_epoch:${view.epoch}\r\n`);
      case 'CLUSTER SHARDS':
        return shardsReply(view);
      default:
        return null;
    }
  }
}

class Connection {
  readonly #socket: net.Socket;
  readonly #node: ScriptedNode;
  readonly #queue: Asked[] = [];
  #rest = Buffer.alloc(0);

  constructor(socket: net.Socket, node: ScriptedNode) {
    this.#socket = socket;
    this.#node = node;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    // A connection that the door ends is what tests are about.
    socket.on('error', () => socket.destroy());
  }

  /** Writes what is answered, as far as nothing before it waits. */
  flush(): void {
    while (this.#queue.length > 0 && this.#queue[0]!.reply !== null) {
      this.#socket.write(this.#queue.shift()!.reply!, 'latin1');
    }
  }

  #onData(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const end = replyEnd(this.#rest, 0);
      if (end < 0) break;
      const words = decode(this.#rest.toString('latin1', 0, end)) as string[];
      this.#rest = this.#rest.subarray(end);
      this.#queue.push(this.#node.onCommand(words, this));
    }
    this.flush();
  }
}

function list(items: readonly string[]): string {
  return `*${items.length}\r\n${items.join('')}`;
}

function integer(value: number): string {
  return `:${value}\r\n`;
}

function shardsReply(view: View): string {
  return list(
    view.shards.map(({ primary, ranges, replicas = [], health }) =>
      list([
        bulk('slots'),
        list(ranges.flatMap(([first, last]) => [integer(first), integer(last)])),
        bulk('nodes'),
        list(
          [primary, ...replicas].map((node) =>
            list([
              ...[bulk('id'), bulk(`id-${node.port}`), bulk('port'), integer(node.port)],
              ...[bulk('ip'), bulk('127.0.0.1'), bulk('endpoint'), bulk('127.0.0.1')],
              ...[bulk('role'), bulk(node === primary ? 'master' : 'replica')],
              ...[bulk('replication-offset'), integer(1)],
              ...[bulk('health'), bulk(health?.get(node) ?? 'online')],
            ]),
          ),
        ),
      ]),
    ),
  );
}
