/**
 * Commands the session answers itself. Which ones they are says the command table (`door: local`); here is a
 * handler for each, by its name. Texts and shapes are Redis's.
 */
import type { Command } from '../commands/command.ts';
import { describe } from '../commands/describe.ts';
import { RESET_REPLY } from '../commands/own.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { assert } from '../core/assert.ts';
import { encoded } from '../resp/encoder.ts';
import { MONITOR_IN_MULTI, NO_PASSWORD_SET, NOT_AN_INTEGER, SYNTAX } from '../resp/errors.ts';
import type { Protocol } from '../resp/types.ts';
import { error, OK, status, type Value } from '../resp/value.ts';
import { Aside } from './aside.ts';
import { clientHandlers } from './client-commands.ts';
import { Gate } from './gate.ts';
import { Hold } from './hold.ts';
import { type Credentials, loginHere, loginOutside, strangerOf } from './login.ts';
import type { Session } from './session.ts';
import { unknownSubcommand, wrongArity } from './unknown.ts';

/** Answers `command`, by a value or, for those that take longer or stay silent, on its own (undefined). */
export type Handler = (session: Session, command: Command, spec: CommandSpec) => Value | undefined;

const handlers: Readonly<Record<string, Handler>> = {
  ping(session, command, spec) {
    if (command.argc > 2) return error(wrongArity(spec));
    if (session.protocol === 2 && session.isSubscribed) {
      return ['pong', command.argc === 2 ? Buffer.from(command.arg(1)) : ''];
    }
    return command.argc === 2 ? Buffer.from(command.arg(1)) : status('PONG');
  },
  echo: (_session, command) => Buffer.from(command.arg(1)),
  quit(session) {
    session.answer(OK);
    session.finish();
    return undefined;
  },
  reset,
  monitor,
  time() {
    const micros = Math.floor((performance.timeOrigin + performance.now()) * 1000);
    return [String(Math.floor(micros / 1e6)), String(micros % 1e6)];
  },
  hello,
  auth,
  select,
  ...clientHandlers,
};

export function answer(session: Session, command: Command, spec: CommandSpec): void {
  const value = handle(session, command, spec);
  if (value !== undefined) session.answer(value);
}

/** Answers a command beside the replies to the client: `then` gets the reply, now or later. */
export function answerAside(
  session: Session,
  command: Command,
  then: (reply: Buffer) => void,
): void {
  const { spec } = command;
  // UNWATCH with nothing watched.
  if (spec.door !== 'local') {
    then(encoded(OK, session.protocol));
    return;
  }
  const aside = new Aside(then);
  session.aside = aside;
  const value = handle(session, command, spec);
  session.aside = null;
  aside.finish(value, session.protocol);
}

function handle(session: Session, command: Command, spec: CommandSpec): Value | undefined {
  const handler = handlers[spec.name];
  if (handler !== undefined) return handler(session, command, spec);
  const container = spec.name.split('|')[0]!;
  if (spec.subcommands !== null && command.argc > 1) return error(unknownSubcommand(command, spec));
  assert(container === 'command', `no handler for the local command ${spec.name}`);
  return describe(session.host.table, command);
}

/** https://redis.io/commands/reset: everything the connection was told is forgotten. */
function reset(session: Session, command: Command): Value | undefined {
  const isElsewhere = session.protocol !== 2 || session.database !== 0;
  const isBare = (session.transaction?.isIdle ?? true) && session.tracking === null;
  if ((isElsewhere || !isBare) && session.postpone()) return undefined;
  session.transaction?.end();
  session.tracking?.end();
  session.gate(Gate.transaction, false);
  session.subscriber?.release();
  session.protocol = 2;
  session.database = 0;
  command.database = 0;
  session.setMonitor(false);
  session.name = '';
  session.noEvict = false;
  session.noTouch = false;
  session.setReplyMode('on');
  session.becomeUser(strangerOf(session.host));
  return status(RESET_REPLY);
}

/**
 * https://redis.io/commands/monitor. It begins when all before it is answered and the other workers know of it,
 * so that every line comes behind its `+OK`, and no later command is missed.
 */
function monitor(session: Session, command: Command): Value | undefined {
  if (session.aside !== null) return error(MONITOR_IN_MULTI);
  // Redis says nothing either to who watches already.
  if (session.isMonitor || session.postpone()) return undefined;
  const answerLater = session.defer(command);
  session.hold(Hold.answer);
  session.host.monitors.prepare(() => {
    if (session.isClosed) return;
    answerLater(OK);
    session.setMonitor(true);
    session.release(Hold.answer);
  });
  return undefined;
}

/** https://redis.io/commands/auth */
function auth(session: Session, command: Command): Value | undefined {
  if (command.argc > 3) return error(SYNTAX);
  const { users, authenticator } = session.host;
  if (users === null && authenticator === null) return error(NO_PASSWORD_SET);
  const username = command.argc === 3 ? command.name(1) : null;
  const credentials = { username, password: command.arg(command.argc - 1) };
  const toValue = (failure: string | null): Value => (failure === null ? OK : error(failure));
  if (authenticator === null) return toValue(loginHere(session, credentials));
  loginOutside(session, command, credentials, (failure, send) => send(toValue(failure)));
  return undefined;
}

interface HelloOptions {
  /** Null: no AUTH. */
  credentials: Credentials | null;
  name: string | null;
}

/** https://redis.io/commands/hello */
function hello(session: Session, command: Command): Value | undefined {
  let protocol = session.protocol;
  if (command.argc > 1) {
    const version = command.text(1);
    if (!/^-?\d+$/.test(version))
      return error('ERR Protocol version is not an integer or out of range');
    if (version !== '2' && version !== '3') return error('NOPROTO unsupported protocol version');
    protocol = version === '2' ? 2 : 3;
    if (protocol !== session.protocol && session.postpone()) return undefined;
  }
  const options = readHelloOptions(command);
  if (typeof options === 'string') return error(options);
  const { credentials } = options;
  if (credentials === null) {
    if (!session.isAuthenticated) return error(NOAUTH_HELLO);
  } else if (session.host.authenticator !== null) {
    loginOutside(session, command, credentials, (failure, send) =>
      send(failure === null ? greet(session, protocol, options) : error(failure)),
    );
    return undefined;
  } else {
    const failure = loginHere(session, credentials);
    if (failure !== null) return error(failure);
  }
  return greet(session, protocol, options);
}

/** What HELLO does for a client that may come in. */
function greet(session: Session, protocol: Protocol, options: HelloOptions): Value {
  if (options.name !== null) {
    if (!isClientName(options.name)) return error(BAD_CLIENT_NAME);
    session.name = options.name;
  }
  const isOther = session.protocol !== protocol;
  session.protocol = protocol;
  // Until now it could not be told of anything, or will not be any more.
  if (isOther) session.tracking?.renew(false);
  return {
    map: [
      ['server', 'tidegate'],
      ['version', session.host.version],
      ['proto', protocol],
      ['id', session.id],
      ['mode', 'standalone'],
      ['role', 'master'],
      ['modules', []],
    ],
  };
}

function readHelloOptions(command: Command): HelloOptions | string {
  const options: HelloOptions = { credentials: null, name: null };
  for (let i = 2; i < command.argc; ) {
    const word = command.text(i).toLowerCase();
    const more = command.argc - 1 - i;
    if (word === 'auth' && more >= 2) {
      options.credentials = { username: command.name(i + 1), password: command.arg(i + 2) };
      i += 3;
    } else if (word === 'setname' && more >= 1) {
      options.name = command.name(i + 1);
      i += 2;
    } else {
      return `ERR Syntax error in HELLO option '${command.text(i)}'`;
    }
  }
  return options;
}

const NOAUTH_HELLO =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time';

/** Highest database number that is asked about; servers say themselves which they have. */
const DATABASE_MAX = 2 ** 31 - 1;

/**
 * https://redis.io/commands/select. The servers are asked once, on a link that is in that database, after
 * all before it is answered; the session reads on when they have answered. So no later command can meet the
 * wrong database, nor overtake an earlier one on its way to another.
 */
function select(session: Session, command: Command, spec: CommandSpec): Value | undefined {
  const text = command.text(1);
  const database = Number(text);
  if (!/^(0|-?[1-9]\d*)$/.test(text) || Math.abs(database) > DATABASE_MAX) {
    return error(NOT_AN_INTEGER);
  }
  if (database < 0) return error('ERR DB index is out of range');
  if (database === session.database) return OK;
  if (session.postpone()) return undefined;
  const turn = session.open(command);
  session.hold(Hold.answer);
  command.spec = spec;
  command.database = database;
  session.host.backend.dispatch(command, {
    reply(bytes, start, end) {
      if (bytes.toString('latin1', start, start + 3) === '+OK') {
        session.database = database;
        session.tracking?.renew(true);
      }
      session.release(Hold.answer);
      turn.reply(bytes, start, end);
    },
    fail(failure) {
      session.release(Hold.answer);
      turn.fail(failure);
    },
  });
  return undefined;
}

export const BAD_CLIENT_NAME =
  'ERR Client names cannot contain spaces, newlines or special characters.';

/** Printable ASCII without blanks, as Redis checks it. */
export function isClientName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}
