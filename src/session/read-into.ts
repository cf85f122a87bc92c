/**
 * Reads of accepted sockets into one buffer shared by all of them.
 *
 * Node offers this (`onread`) to sockets one opens, not to those one accepts; each read of those allocates
 * 64 KiB and gives most of it back. So an accepted connection is moved to a socket made with `onread`. Where
 * that is not possible (TLS), chunks come as `data` events, allocated as usual.
 */
import { Socket } from 'node:net';

/** A chunk is consumed before the next socket reads. */
const READ_BYTES = 256 * 1024;
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

export type OnChunk = (length: number, chunk: Buffer) => void;

/** The socket to use from now on; `attach` gives it its reader. */
export interface Accepted {
  readonly socket: Socket;
  attach(onChunk: OnChunk): void;
}

/** The native handle: not public, but what `new Socket({ handle })` takes in every version. */
interface WithHandle {
  _handle: { useUserBuffer?: unknown } | null;
}

/** `accepted` must not have been read from: its server was made with `pauseOnConnect`. */
export function moveToSharedBuffer(accepted: Socket): Accepted {
  const handle = (accepted as unknown as WithHandle)._handle;
  if (typeof handle?.useUserBuffer !== 'function') return withDataEvents(accepted);
  (accepted as unknown as WithHandle)._handle = null;
  let reader: OnChunk | null = null;
  const options = {
    handle,
    allowHalfOpen: true,
    pauseOnCreate: true,
    onread: {
      buffer: readBuffer,
      callback: (length: number, chunk: Uint8Array): boolean => {
        reader?.(length, chunk as Buffer);
        return true;
      },
    },
  };
  const socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0]);
  return {
    socket,
    attach(onChunk) {
      reader = onChunk;
      socket.resume();
    },
  };
}

export function withDataEvents(socket: Socket): Accepted {
  return {
    socket,
    attach(onChunk) {
      socket.on('data', (chunk: Buffer) => onChunk(chunk.length, chunk));
      socket.resume();
    },
  };
}
