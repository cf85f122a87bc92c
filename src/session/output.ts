/**
 * Bytes for one client on their way to its socket: collected during a turn of the loop, written once.
 *
 * While the kernel has not taken everything, what comes is collected further instead of being written: a
 * buffer lent to the socket costs 16 KiB however few bytes are in it, and a client that does not read would
 * be lent one in every turn.
 */
import type { Socket } from 'node:net';
import { ByteQueue } from '../core/bytes.ts';
import { giveBack } from '../core/pool.ts';

export class Output {
  readonly queue: ByteQueue = new ByteQueue();
  readonly #socket: Socket;
  readonly #onWritten: () => void;
  /** Buffers the socket has not written to the end. */
  readonly #lent: Buffer[] = [];
  /** The socket will tell when it has written all; until then nothing small is written. */
  #isWaiting = false;

  /** `onWritten`: what was collected meanwhile can be written. */
  constructor(socket: Socket, onWritten: () => void) {
    this.#socket = socket;
    this.#onWritten = () => {
      this.#isWaiting = false;
      onWritten();
    };
  }

  /** Bytes that the kernel has not taken. */
  get held(): number {
    return this.queue.length + this.#socket.writableLength;
  }

  /** Writes what is collected, if the socket is not behind; says how many bytes that were. */
  write(): number {
    this.takeBack();
    if (this.#isWaiting) return 0;
    // One more is lent, to hear when the socket has caught up.
    this.#isWaiting = this.#lent.length > 0;
    return this.#lend();
  }

  /** Writes bytes that nobody changes any more, behind what is collected, without copying them. */
  writeShared(bytes: Buffer): number {
    const collected = this.#lend();
    this.#socket.write(bytes);
    return collected + bytes.length;
  }

  /** The socket has written all: buffers it held are free. */
  takeBack(): void {
    if (this.#lent.length === 0 || this.#socket.writableLength > 0) return;
    for (const buffer of this.#lent) giveBack(buffer);
    this.#lent.length = 0;
  }

  #lend(): number {
    const { queue } = this;
    const { length } = queue;
    if (length === 0) return 0;
    const socket = this.#socket;
    const bytes = queue.bytes.subarray(0, length);
    if (this.#isWaiting) socket.write(bytes, this.#onWritten);
    else socket.write(bytes);
    // Nothing waits: the kernel has taken all, and the buffer is ours again. Else the socket keeps it.
    if (socket.writableLength === 0) queue.clear();
    else this.#lent.push(queue.take());
    return length;
  }
}
