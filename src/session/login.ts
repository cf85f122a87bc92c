/**
 * AUTH and HELLO: by the passwords of the listener's users, or by asking an authenticator.
 *
 * Asked from outside, the answer takes its time. Meanwhile the client's next commands are not decoded
 * (`Hold.login`), so each runs as whoever the client is by then, and replies keep their order.
 *
 * With an authenticator the name decides the rights: those of the user of that name, else those of the user
 * `default`; a name that has neither may not come in. Without any users everybody may do everything.
 */
import type { Command } from '../commands/command.ts';
import {
  EXTERNAL_AUTH_FAILED,
  externalRefusal,
  INVALID_PASSWORD,
  UNAUTHORIZED,
  WRONGPASS,
} from '../resp/errors.ts';
import type { Verdict } from './authenticator.ts';
import { Hold } from './hold.ts';
import type { SessionHost } from './host.ts';
import type { Session } from './session.ts';
import { DEFAULT_USER, type User } from './users.ts';

/** Longer names and passwords are nobody's. Redis takes no more from strangers either. */
const CREDENTIAL_BYTES_MAX = 16 * 1024;

export interface Credentials {
  /** Null: the password alone. */
  readonly username: string | null;
  readonly password: Buffer;
}

/** Who a client is before it has logged in; in the terms of `Session.becomeUser`. */
export function strangerOf(host: Pick<SessionHost, 'users' | 'authenticator'>): null | undefined {
  return host.users === null && host.authenticator === null ? null : undefined;
}

/** Logs in by the passwords of the listener's users: the error, or null if the client is in. */
export function loginHere(session: Session, { username, password }: Credentials): string | null {
  const { users, figures } = session.host;
  if (users === null) return username === DEFAULT_USER ? null : WRONGPASS;
  const user = users.login(username ?? DEFAULT_USER, password);
  if (user === null) {
    figures.authFailures++;
    return username === null ? INVALID_PASSWORD : WRONGPASS;
  }
  session.becomeUser(user);
  return null;
}

/** Logs in by asking the authenticator; `toReply` gets the error, or null if the client is in. */
export function loginOutside(
  session: Session,
  command: Command,
  credentials: Credentials,
  reply: (failure: string | null, send: ReturnType<Session['defer']>) => void,
): void {
  const send = session.defer(command);
  const username = credentials.username ?? '';
  if (username.length + credentials.password.length > CREDENTIAL_BYTES_MAX) {
    session.host.figures.authFailures++;
    reply(UNAUTHORIZED, send);
    return;
  }
  session.hold(Hold.login);
  const password = credentials.password.toString('utf8');
  const authenticator = session.host.authenticator!;
  authenticator.ask(username, password, (verdict) => {
    if (session.isClosed) return;
    session.host.tick.begin();
    // After a reload somebody else may have to be asked.
    const counts = session.host.authenticator === authenticator;
    const failure = settle(session, username, counts ? verdict : { kind: 'failed' });
    reply(failure, send);
    session.release(Hold.login);
  });
}

function settle(session: Session, username: string, verdict: Verdict): string | null {
  const { figures } = session.host;
  if (verdict.kind === 'failed') {
    figures.externalAuthErrors++;
    return EXTERNAL_AUTH_FAILED;
  }
  const user = rightsOf(session.host, username);
  if (verdict.kind === 'refused' || user === undefined) {
    figures.authFailures++;
    return verdict.kind === 'refused' ? externalRefusal(verdict.message) : UNAUTHORIZED;
  }
  session.becomeUser(user, username === '' ? DEFAULT_USER : username);
  if (verdict.expiresAtMs !== null) limit(session, verdict.expiresAtMs - Date.now());
  return null;
}

/** The login ends after that time. */
function limit(session: Session, ms: number): void {
  if (ms > 0) {
    session.expiry.set(ms, () => limit(session, 0));
    return;
  }
  session.becomeUser(undefined);
  // Messages must not go on coming, and nothing else would tell that they do not.
  if (session.isSubscribed) session.finish();
}

/** Undefined: none at all. */
function rightsOf({ users }: SessionHost, username: string): User | null | undefined {
  if (users === null) return null;
  return users.find(username) ?? users.find(DEFAULT_USER) ?? undefined;
}

/**
 * A reload has changed who may do what. Who is logged in stays so under the same name, whatever the password
 * is now; but who was not judged by the one who judges now, or has no rights any more, is closed.
 */
export function keepRights(session: Session, wasJudgedOutside: boolean): void {
  const { host, userName } = session;
  if (strangerOf(host) === null) {
    session.becomeUser(null);
    return;
  }
  if (!session.isAuthenticated) return;
  const isJudgedAlike = wasJudgedOutside === (host.authenticator !== null);
  // Nobody was asked who it is.
  const isUnknown = session.user === null && !wasJudgedOutside;
  const isKnown = isJudgedAlike && !isUnknown;
  const user = isKnown ? rightsAfter(host, userName) : undefined;
  if (user !== undefined) session.changeRights(user, userName);
  else if (session.wait === null) session.finish();
  // What it waits for at a server may never come.
  else session.close();
}

function rightsAfter(host: SessionHost, userName: string): User | null | undefined {
  if (host.authenticator !== null) return rightsOf(host, userName);
  return host.users?.find(userName) ?? undefined;
}
