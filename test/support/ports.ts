/**
 * Free loopback ports below the range the kernel gives to outgoing connections: a server that a test
 * kills and restarts must find its own port free again.
 */
import net from 'node:net';

const FIRST = 10_000;
const COUNT = 20_000;
const given = new Set<number>();

/** Each test file is its own process: they start at different places, and each asks the kernel. */
let next = (process.pid * 97) % COUNT;

export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 1000; tries++) {
    const port = FIRST + next;
    next = (next + 1) % COUNT;
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error('no free port in 1000 tries');
}

export function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
