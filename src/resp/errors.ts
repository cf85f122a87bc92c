/**
 * Every error reply that is made here, and the errors of transport.
 *
 * Two kinds that never mix: a `-…` reply of a server is a value and passes byte for byte; a `LinkError`
 * says that no server answered. Only the second may lead to a retry, decided in routing/redirect.ts.
 */

/** May the same bytes be sent again? `unsent`: only if nothing of them was written; `reads`: or if it only reads. */
export type Retry = 'never' | 'unsent' | 'reads';

export type LinkErrorCode =
  | 'no_host'
  | 'connect'
  | 'handshake'
  | 'timeout'
  | 'closed'
  | 'protocol'
  | 'busy';

/** No server answered. Made once per cause and shared: it carries no stack of the command. */
export class LinkError extends Error {
  readonly code: LinkErrorCode;
  readonly retry: Retry;
  /** What the client is told, without the leading `-`. */
  readonly reply: string;

  constructor(code: LinkErrorCode, retry: Retry, reply: string, message: string) {
    super(message);
    this.code = code;
    this.retry = retry;
    this.reply = reply;
  }
}

/** Texts of seed 002 and of the contract; without the leading `-`. */
export const NO_UPSTREAM_HOST = 'no upstream host';
export const UPSTREAM_FAILURE = 'upstream failure';
export const UPSTREAM_PROTOCOL_ERROR = 'upstream protocol error';
export const INVALID_REQUEST = 'invalid request';
export const NOAUTH = 'NOAUTH Authentication required.';
export const INVALID_PASSWORD = 'ERR invalid password';
export const WRONGPASS = 'WRONGPASS invalid username-password pair';
export const NO_PASSWORD_SET = 'ERR Client sent AUTH, but no password is set';
export const CROSSSLOT = "CROSSSLOT Keys in request don't hash to the same slot";

export function finishedWithErrors(count: number): string {
  return `finished with ${count} error(s)`;
}
