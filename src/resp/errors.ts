/**
 * Every error reply that is made here, and the errors of transport.
 *
 * Two kinds that never mix: a `-…` reply of a server is a value and passes byte for byte; a `LinkError`
 * says that no server answered. Only the second may lead to a retry, or an error by which a node of a cluster says that
 * it did not run the command; decided in routing/redirect.ts.
 */

/** Texts of seed 002 and of the contract; without the leading `-`. */
export const NO_UPSTREAM_HOST = 'no upstream host';
export const UPSTREAM_FAILURE = 'upstream failure';
export const UPSTREAM_PROTOCOL_ERROR = 'upstream protocol error';
export const NOAUTH = 'NOAUTH Authentication required.';
export const INVALID_PASSWORD = 'ERR invalid password';
export const WRONGPASS = 'WRONGPASS invalid username-password pair';
export const NO_PASSWORD_SET = 'ERR Client sent AUTH, but no password is set';
export const MONITOR_IN_MULTI = "ERR MONITOR isn't allowed for DENY BLOCKING client";
/** To a client in MONITOR, in Redis's words. */
export const MONITOR_READS_NO_KEYS = "ERR Replica can't interact with the keyspace";
/** Of external authentication: refused without a message, and no answer. */
export const UNAUTHORIZED = 'ERR unauthorized';
export const EXTERNAL_AUTH_FAILED = 'ERR external authentication failed';
/** Of a fault on purpose; the text is Envoy's. */
export const FAULT_INJECTED = 'Fault Injected: Error';
export const CROSSSLOT = "CROSSSLOT Keys in request don't hash to the same slot";

export type LinkErrorCode =
  | 'no_host'
  | 'connect'
  | 'handshake'
  | 'timeout'
  | 'closed'
  | 'protocol'
  | 'busy';

/**
 * Text as an error line can hold it: Redis puts blanks in the place of line breaks. A character that is no
 * single byte becomes `?`, for its low byte alone might be a line break.
 */
export function errorLine(text: string): string {
  return text.replace(/[\r\n]/g, ' ').replace(/[^\0-\xff]/g, '?');
}

/** No server answered. `message` is for the log, `reply` for the client. */
export class LinkError extends Error {
  readonly code: LinkErrorCode;
  /** The error line, without the leading `-`. */
  readonly reply: string;

  constructor(code: LinkErrorCode, message: string, reply: string) {
    super(message);
    this.code = code;
    this.reply = errorLine(reply);
  }
}

const REPLIES: Readonly<Record<LinkErrorCode, string>> = {
  no_host: NO_UPSTREAM_HOST,
  connect: UPSTREAM_FAILURE,
  handshake: UPSTREAM_FAILURE,
  timeout: UPSTREAM_FAILURE,
  closed: UPSTREAM_FAILURE,
  protocol: UPSTREAM_PROTOCOL_ERROR,
  busy: UPSTREAM_FAILURE,
};

/** `reply` only where the client should be told something better than the text of its code. */
export function linkError(code: LinkErrorCode, message: string, reply?: string): LinkError {
  return new LinkError(code, message, reply ?? REPLIES[code]);
}

export const NO_KEY_PERMISSION =
  'NOPERM this user has no permissions to access one of the keys used as arguments';
export const SYNTAX = 'ERR syntax error';
export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range';

export function noCommandPermission(command: string): string {
  return `NOPERM this user has no permissions to run the '${command}' command`;
}

/** A command without keys where one server would answer for its part only. */
export function severalServers(command: string): string {
  return `ERR '${command}' names no key and several servers are behind this door: on a connection of one of them it would speak for that one only`;
}

/** Where tracking cannot be passed on: near caches of clients need one server that sees all they read. */
export const TRACKING_NEEDS_ONE_SERVER =
  'ERR CLIENT TRACKING needs one server that has all keys, under the names clients use: behind this door are several, or routes that rename keys or read elsewhere';
export const TRACKING_REDIRECT =
  'ERR CLIENT TRACKING with REDIRECT does not work through this door, whose client ids are its own: use RESP3 (HELLO 3), where invalidations come on the same connection';
export const TRACKING_IN_MULTI = 'ERR CLIENT TRACKING and CACHING do not work inside MULTI here';
export const TRACKING_TOO_OFTEN =
  'ERR CLIENT TRACKING ON was said too often on this connection: switch it OFF first';

export const MULTI_NESTED = 'ERR MULTI calls can not be nested';
export const WATCH_INSIDE_MULTI = 'ERR WATCH inside MULTI is not allowed';
export const EXEC_WITHOUT_MULTI = 'ERR EXEC without MULTI';
export const DISCARD_WITHOUT_MULTI = 'ERR DISCARD without MULTI';
export const EXECABORT = 'EXECABORT Transaction discarded because of previous errors.';
export const NOT_IN_TRANSACTION = 'ERR Command not allowed inside a transaction';

/** What a server that is no cluster says: `CLUSTER …` where no upstream is one. */
export const NO_CLUSTER = 'ERR This instance has cluster support disabled';
export const INVALID_CURSOR = 'ERR invalid cursor';
export const CURSOR_TOO_LARGE =
  'ERR the cursor of a server is too large to tell in it which server it is of';
export const JOINED_TOO_LONG =
  'ERR the replies of all servers together are too long; ask for less of them';
export const INVALID_SHARD = 'ERR invalid shard_id - must be a numeric shard index';

export function shardOutOfRange(shard: string, last: number): string {
  return `ERR shard_id ${shard} out of range (0-${last})`;
}

/** `name` as the command table has it. */
export function notForSeveral(name: string): string {
  const what = name.replace('|', ' ');
  return `ERR '${what}' names no key and several servers are behind this door: their answers cannot be joined`;
}

export function serversDiffer(name: string): string {
  return `ERR the servers behind this door give different answers to '${name.replace('|', ' ')}'`;
}

export function noSuchSubcommand(given: string, container: string): string {
  return `ERR unknown subcommand '${given}'. Try ${container.toUpperCase()} HELP.`;
}

export function wrongNumberOfArguments(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`;
}

export const TOO_MANY_CHANNELS = 'ERR too many channels and patterns are subscribed to';

export function notWhileSubscribed(command: string): string {
  return `ERR Can't execute '${command}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
}

/** `message` is what the service says of it. */
export function externalRefusal(message: string): string {
  return message === '' ? UNAUTHORIZED : `ERR ${message}`;
}

export function finishedWithErrors(count: number): string {
  return `finished with ${count} error(s)`;
}
