/** Which keys the door puts on which server: learnt from the servers, so that tests do not compute it. */
import type { RedisGroup } from './redis.ts';
import type { Tidegate } from './tidegate.ts';

const TRIED = 240;

/**
 * Names of keys for each server, in the order of the servers; leaves the servers empty. `name` makes the
 * i-th name, `as` turns what a server stores back into it (routes rename keys).
 */
export async function keysByServer(
  gate: Tidegate,
  servers: RedisGroup,
  count = 10,
  prefix = 'key:',
): Promise<string[][]> {
  await servers.flush();
  await using wire = await gate.connect();
  const names = Array.from({ length: TRIED }, (_none, index) => `${prefix}${index}`);
  const replies = await wire.askAll(names.map((name) => ['SET', name, '1']));
  if (!replies.every((reply) => reply === '+OK\r\n')) throw new Error(`SET failed: ${replies[0]}`);
  const found: string[][] = [];
  for (const server of servers) {
    const keys = (await server.value('KEYS', '*')) as string[];
    found.push(names.filter((name) => keys.includes(name)).slice(0, count));
  }
  await servers.flush();
  if (found.some((keys) => keys.length < count)) {
    throw new Error(
      `fewer than ${count} of ${TRIED} keys on a server: ${found.map((k) => k.length)}`,
    );
  }
  return found;
}
