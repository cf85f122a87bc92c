/** Paths of unix sockets: what a process that was killed leaves behind must not keep the next from listening. */
import { lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';

/**
 * Removes a socket at `path` that nobody listens on. Rejects if somebody does, or if what is there is no
 * socket: a file of somebody's is never removed.
 */
export async function clearStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`listen ${path}: exists and is no socket`);
  if (await isListenedOn(path)) {
    throw Object.assign(new Error(`listen EADDRINUSE: address already in use ${path}`), {
      code: 'EADDRINUSE',
    });
  }
  unlinkSync(path);
}

function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
