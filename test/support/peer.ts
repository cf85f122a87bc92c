/** A server of which each byte is scripted: it says what the test says and keeps what it hears. */
import net from 'node:net';
import { until } from './bounded.ts';

export async function startPeer(): Promise<Peer> {
  const peer = new Peer();
  await peer.listen();
  return peer;
}

export class Peer {
  /** Every connection made so far, in order. */
  readonly connections: PeerConnection[] = [];
  /** Called for each new connection. */
  onConnection: (connection: PeerConnection) => void = () => {};
  readonly #server: net.Server = net.createServer({ noDelay: true }, (socket) => {
    const connection = new PeerConnection(socket);
    this.connections.push(connection);
    this.onConnection(connection);
  });

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  listen(port = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
  }

  /** The n-th connection, from 0, once it is there. */
  async connection(index = 0): Promise<PeerConnection> {
    await until(() => this.connections.length > index, `connection ${index} is made`, 5000, 1);
    return this.connections[index]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.connections) connection.reset();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}

export class PeerConnection {
  /** All that was heard, one character per byte. */
  heard = '';
  closed = false;
  readonly #socket: net.Socket;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.heard += chunk.toString('latin1');
    });
    // A peer that is cut off is what many tests are about.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.closed = true;
    });
  }

  say(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** Waits until exactly `text` was heard in all. */
  async hears(text: string): Promise<void> {
    try {
      await until(() => this.heard.length >= text.length, 'the bytes arrive', 5000, 1);
    } finally {
      if (this.heard !== text) {
        const shown = (bytes: string): string => JSON.stringify(bytes.slice(0, 500));
        // biome-ignore lint/correctness/noUnsafeFinally: says more than the wait that ended
        throw new Error(`heard ${shown(this.heard)} instead of ${shown(text)}`);
      }
    }
  }

  /** Takes nothing from the network any more. */
  deafen(): void {
    this.#socket.pause();
  }

  listen(): void {
    this.#socket.resume();
  }

  end(text = ''): void {
    this.#socket.end(text, 'latin1');
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  async gone(): Promise<void> {
    await until(() => this.closed, 'the connection closes', 5000, 1);
  }
}
