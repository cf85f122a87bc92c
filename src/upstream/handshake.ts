/**
/**
 * What a new link says before anyone's commands: HELLO or AUTH, then SELECT; to a replica READONLY; a connection that
 * is lent also asks for its number, by which a wait on it can be ended. Kept as data, so that the link only has to
 * write it and count replies.
 */

import { auth, clientId, hello, readonly, select } from '../commands/own.ts';
import type { Protocol } from '../resp/types.ts';

export interface Credentials {
  /** Empty: the password alone, as servers before Redis 6 know it. */
  readonly username: string;
  /** Read anew for each link: it may have been exchanged. */
  readonly password: string;
}

export type GreetingStep = 'hello' | 'auth' | 'select' | 'readonly' | 'id';

export interface Greeting {
  /** Written in one piece as soon as the socket is connected; empty when there is nothing to say. */
  readonly bytes: Buffer;
  /** What each reply answers, for the message when it is an error. */
  readonly steps: readonly GreetingStep[];
}

export function greeting(
  protocol: Protocol,
  database: number,
  credentials: Credentials | null,
  asksId = false,
  readsReplica = false,
): Greeting {
  const parts: Buffer[] = [];
  const steps: GreetingStep[] = [];
  if (protocol === 3) {
    parts.push(hello(3, credentials?.username ?? '', credentials?.password ?? null));
    steps.push('hello');
  } else if (credentials !== null) {
    parts.push(auth(credentials.username, credentials.password));
    steps.push('auth');
  }
  if (database !== 0) {
    parts.push(select(database));
    steps.push('select');
  }
  if (readsReplica) {
    parts.push(readonly());
    steps.push('readonly');
  }
  if (asksId) {
    parts.push(clientId());
    steps.push('id');
  }
  return { bytes: Buffer.concat(parts), steps };
}
