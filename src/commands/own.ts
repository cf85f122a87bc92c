/** The few commands that are sent on the door's own account, as bytes: greetings and health checks. */
import { encodeWords } from '../resp/frame.ts';
import type { Protocol } from '../resp/types.ts';

function frame(...words: string[]): Buffer {
  return encodeWords(words.map((word) => Buffer.from(word)));
}

/** https://redis.io/commands/hello; an empty username means the default user. */
export function hello(protocol: Protocol, username: string, password: string | null): Buffer {
  const auth = password === null ? [] : ['AUTH', username === '' ? 'default' : username, password];
  return frame('HELLO', String(protocol), ...auth);
}

/** https://redis.io/commands/auth; without a username in the one form that old servers know. */
export function auth(username: string, password: string): Buffer {
  return username === '' ? frame('AUTH', password) : frame('AUTH', username, password);
}

/** https://redis.io/commands/select */
export function select(database: number): Buffer {
  return frame('SELECT', String(database));
}

/** https://redis.io/commands/ping */
export function ping(): Buffer {
  return frame('PING');
}

/** https://redis.io/commands/exists */
export function exists(key: string): Buffer {
  return frame('EXISTS', key);
}

/** What RESET is answered with: https://redis.io/commands/reset */
export const RESET_REPLY = 'RESET';
