/**
 * The few commands that are sent on the door's own account: greetings, health checks, subscriptions and questions to a
 * cluster, as bytes, and what is asked beside a client's command to answer it.
 */
import { EMPTY } from '../core/bytes.ts';
import { encodeWords } from '../resp/frame.ts';
import type { Protocol } from '../resp/types.ts';
import { Command } from './command.ts';
import { resolve, specByName } from './lookup.ts';

function frame(...words: (string | Buffer)[]): Buffer {
  return encodeWords(words.map((word) => (typeof word === 'string' ? Buffer.from(word) : word)));
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

/** https://redis.io/commands/client-id: the number `CLIENT UNBLOCK` wants. */
export function clientId(): Buffer {
  return frame('CLIENT', 'ID');
}

/** https://redis.io/commands/client-unblock */
export function clientUnblock(id: number, withError: boolean): Buffer {
  return frame('CLIENT', 'UNBLOCK', String(id), withError ? 'ERROR' : 'TIMEOUT');
}

export const UNBLOCK_NAME = 'client|unblock';

/** What each command does to a transaction. */
export const TRANSACTION: Readonly<
  Record<string, 'begin' | 'run' | 'drop' | 'watch' | 'unwatch' | 'select'>
> = {
  multi: 'begin',
  exec: 'run',
  discard: 'drop',
  watch: 'watch',
  unwatch: 'unwatch',
  select: 'select',
};

/** Words that frame the commands of an append-only file. */
export const FILE_WORDS = {
  select: 'SELECT',
  begin: 'MULTI',
  run: 'EXEC',
  remove: 'DEL',
} as const;

export const MULTI_NAME = 'multi';
export const DISCARD_NAME = 'discard';
export const UNWATCH_NAME = 'unwatch';
export const PING_NAME = 'ping';
export const ASKING_NAME = 'asking';

/** A command of one word, in the database and protocol of another. */
export function commandLike(like: Command, name: string): Command {
  const command = like.copy();
  command.fill([Buffer.from(name)]);
  command.spec = specByName(name)!;
  return command;
}

/** https://redis.io/commands/script-load */
export function scriptLoad(source: Uint8Array): Buffer {
  return encodeWords([...wordsOf('SCRIPT', 'LOAD'), source]);
}

export const SCRIPT_LOAD_NAME = 'script|load';

/** https://redis.io/commands/exists */
export function exists(key: string): Buffer {
  return frame('EXISTS', key);
}

/** What can be subscribed to: one name, all names that match, one name that has a slot as keys have. */
export type ChannelKind = 'channel' | 'pattern' | 'shard';

const SUBSCRIBE = { channel: 'SUBSCRIBE', pattern: 'PSUBSCRIBE', shard: 'SSUBSCRIBE' } as const;
const UNSUBSCRIBE = {
  channel: 'UNSUBSCRIBE',
  pattern: 'PUNSUBSCRIBE',
  shard: 'SUNSUBSCRIBE',
} as const;

/** https://redis.io/commands/subscribe and its like */
export function subscribe(kind: ChannelKind, name: Buffer): Buffer {
  return frame(SUBSCRIBE[kind], name);
}

/** https://redis.io/commands/unsubscribe and its like */
export function unsubscribe(kind: ChannelKind, name: Buffer): Buffer {
  return frame(UNSUBSCRIBE[kind], name);
}

/** https://redis.io/commands/asking */
export function asking(): Buffer {
  return frame('ASKING');
}

/** https://redis.io/commands/readonly */
export function readonly(): Buffer {
  return frame('READONLY');
}

/** https://redis.io/commands/cluster-info */
export function clusterInfo(): Buffer {
  return frame('CLUSTER', 'INFO');
}

/** https://redis.io/commands/cluster-shards, since Redis 7 */
export function clusterShards(): Buffer {
  return frame('CLUSTER', 'SHARDS');
}

/** https://redis.io/commands/cluster-slots */
export function clusterSlots(): Buffer {
  return frame('CLUSTER', 'SLOTS');
}

/** https://redis.io/commands/role */
export function role(): Buffer {
  return frame('ROLE');
}

/** https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/: the id of who is asked. */
export function sentinelId(): Buffer {
  return frame('SENTINEL', 'MYID');
}

export function sentinelPrimary(service: string): Buffer {
  return frame('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', service);
}

export function sentinelReplicas(service: string): Buffer {
  return frame('SENTINEL', 'REPLICAS', service);
}

/** The other Sentinels of the service. */
export function sentinelOthers(service: string): Buffer {
  return frame('SENTINEL', 'SENTINELS', service);
}

/** https://redis.io/commands/info, the section that names Valkey's availability zone */
export function infoServer(): Buffer {
  return frame('INFO', 'SERVER');
}

/** What RESET is answered with: https://redis.io/commands/reset */
export const RESET_REPLY = 'RESET';

/**
 * A command of the door's own that goes the way of a client's: same database, same protocol, same place in the
 * order of its commands.
 */
function companion(client: Command, words: readonly Uint8Array[]): Command {
  const command = new Command(client.spec, EMPTY);
  command.fill(words);
  command.spec = resolve(command) ?? client.spec;
  command.database = client.database;
  command.protocol = client.protocol;
  command.affinity = client.affinity;
  return command;
}

function wordsOf(...words: string[]): Buffer[] {
  return words.map((word) => Buffer.from(word));
}

/** https://redis.io/commands/dbsize */
export function dbsizeFor(client: Command): Command {
  return companion(client, wordsOf('DBSIZE'));
}

/** https://redis.io/commands/function-list */
export function functionListFor(client: Command): Command {
  return companion(client, wordsOf('FUNCTION', 'LIST', 'WITHCODE'));
}

/** https://redis.io/commands/info with the arguments of `client` from the second on. */
export function infoFor(client: Command): Command {
  const sections = Array.from({ length: client.argc - 2 }, (_, at) => client.arg(at + 2));
  return companion(client, [...wordsOf('INFO'), ...sections]);
}

/** The same command with another first argument. */
export function withFirstArgument(client: Command, argument: string): Command {
  const words = Array.from({ length: client.argc }, (_, at) => client.arg(at));
  words[1] = Buffer.from(argument);
  return companion(client, words);
}
