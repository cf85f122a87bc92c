/** The subcommands of CLIENT (https://redis.io/commands/client), over all clients of all workers. */
import type { Command } from '../commands/command.ts';
import { NOT_AN_INTEGER, SYNTAX } from '../resp/errors.ts';
import { error, OK, type Value } from '../resp/value.ts';
import type { ClientAnswer, ClientFilter, ClientQuestion } from './clients.ts';
import { describeClient } from './describe-client.ts';
import type { Handler } from './local.ts';
import type { Session } from './session.ts';
import { askTracking, setCaching, track } from './tracking.ts';
import { DEFAULT_USER } from './users.ts';

/** `CLIENT HELP` lists these. */
const HELP = [
  'CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'CACHING, GETNAME, GETREDIR, HELP, ID, INFO, KILL, LIST, NO-EVICT, NO-TOUCH, PAUSE,',
  'REPLY, SETINFO, SETNAME, TRACKING, TRACKINGINFO, UNBLOCK, UNPAUSE.',
  'They concern connections to this door, not those it keeps to servers.',
];

const TYPES = ['normal', 'master', 'replica', 'slave', 'pubsub'];

export const clientHandlers: Readonly<Record<string, Handler>> = {
  'client|help': () => HELP.map((line) => ({ status: line })),
  'client|id': (session) => session.id,
  'client|getname': (session) => (session.name === '' ? null : session.name),
  'client|setname': setName,
  'client|setinfo': setInfo,
  'client|info': (session) => text(`${describeClient(session, session.host.tick)}\n`),
  'client|list': list,
  'client|kill': kill,
  'client|reply': setReply,
  'client|no-evict': (session, command) => {
    const value = onOff(command);
    if (value === null) return error(SYNTAX);
    session.noEvict = value;
    return OK;
  },
  'client|no-touch': (session, command) => {
    const value = onOff(command);
    if (value === null) return error(SYNTAX);
    session.noTouch = value;
    return OK;
  },
  'client|unblock': unblock,
  'client|pause': pause,
  'client|unpause': (session, command) => {
    askAll(session, command, { kind: 'unpause' }, () => OK);
    return undefined;
  },
  'client|tracking': track,
  'client|caching': setCaching,
  'client|getredir': (session, command) => askTracking(session, command, -1),
  'client|trackinginfo': (session, command) => askTracking(session, command, UNTRACKED),
};

const UNTRACKED: Value = {
  map: [
    ['flags', { set: ['off'] }],
    ['redirect', -1],
    ['prefixes', []],
  ],
};

/** Asks every worker and answers in the command's turn, now or when all have spoken. */
function askAll(
  session: Session,
  command: Command,
  question: ClientQuestion,
  toValue: (answers: readonly ClientAnswer[]) => Value,
): void {
  const later = session.defer(command);
  session.host.clients.ask(question, (answers) => later(toValue(answers)));
}

/** Text that RESP3 clients get as such. */
function text(verbatim: string): Value {
  return { verbatim, format: 'txt' };
}

function setName(session: Session, command: Command): Value {
  const name = command.name(2);
  if (!/^[!-~]*$/.test(name)) {
    return error('ERR Client names cannot contain spaces, newlines or special characters.');
  }
  session.name = name;
  return OK;
}

function setInfo(session: Session, command: Command): Value {
  const field = command.text(2).toLowerCase();
  const value = command.name(3);
  if (field !== 'lib-name' && field !== 'lib-ver') {
    return error(`ERR Unrecognized option '${command.text(2)}'`);
  }
  if (!/^[!-~]*$/.test(value)) {
    return error(`ERR ${field} cannot contain spaces, newlines or special characters.`);
  }
  if (field === 'lib-name') session.libraryName = value;
  else session.libraryVersion = value;
  return OK;
}

function setReply(session: Session, command: Command): Value | undefined {
  switch (command.text(2).toLowerCase()) {
    case 'on':
      session.setReplyMode('on');
      return OK;
    case 'off':
      session.setReplyMode('off');
      return undefined;
    case 'skip':
      session.setReplyMode('skip');
      return undefined;
    default:
      return error(SYNTAX);
  }
}

function list(session: Session, command: Command): Value | undefined {
  const filter = readListFilter(command);
  if (typeof filter === 'string') return error(filter);
  askAll(session, command, { kind: 'list', filter }, (answers) => {
    const lines = answers.flatMap((answer) => answer.lines);
    return text(lines.map((line) => `${line}\n`).join(''));
  });
  return undefined;
}

function readListFilter(command: Command): ClientFilter | string {
  if (command.argc === 2) return {};
  const option = command.text(2).toLowerCase();
  if (option === 'type' && command.argc === 4) {
    const type = command.text(3).toLowerCase();
    return TYPES.includes(type) ? { type } : `ERR Unknown client type '${command.text(3)}'`;
  }
  if (option === 'id' && command.argc > 3) {
    const ids: number[] = [];
    for (let i = 3; i < command.argc; i++) {
      const id = toInteger(command.text(i));
      if (id === null || id < 1) return 'ERR Invalid client ID';
      ids.push(id);
    }
    return { ids };
  }
  return SYNTAX;
}

function kill(session: Session, command: Command): Value | undefined {
  if (command.argc === 3) {
    const filter = { address: command.text(2) };
    askAll(session, command, { kind: 'kill', filter, askerId: session.id }, (answers) =>
      total(answers) > 0 ? OK : error('ERR No such client'),
    );
    return undefined;
  }
  const filter = readKillFilter(session, command);
  if (typeof filter === 'string') return error(filter);
  askAll(session, command, { kind: 'kill', filter, askerId: session.id }, total);
  return undefined;
}

function total(answers: readonly ClientAnswer[]): number {
  return answers.reduce((sum, answer) => sum + answer.count, 0);
}

function readKillFilter(session: Session, command: Command): ClientFilter | string {
  if (command.argc % 2 !== 0) return SYNTAX;
  let filter: ClientFilter = { notId: session.id };
  for (let i = 2; i < command.argc; i += 2) {
    const part = readKillOption(session, command.text(i).toLowerCase(), command.text(i + 1));
    if (typeof part === 'string') return part;
    filter = { ...filter, ...part };
  }
  return filter;
}

function readKillOption(session: Session, option: string, value: string): ClientFilter | string {
  switch (option) {
    case 'id': {
      const id = toInteger(value);
      return id === null || id < 1 ? 'ERR client-id should be greater than 0' : { ids: [id] };
    }
    case 'addr':
      return { address: value };
    case 'laddr':
      return { localAddress: value };
    case 'user': {
      const { users, authenticator } = session.host;
      const isKnown =
        authenticator !== null ||
        (users === null ? value === DEFAULT_USER : users.find(value) !== null);
      return isKnown ? { user: value } : `ERR No such user '${value}'`;
    }
    case 'type':
      return TYPES.includes(value.toLowerCase())
        ? { type: value.toLowerCase() }
        : `ERR Unknown client type '${value}'`;
    case 'maxage': {
      const age = toInteger(value);
      return age === null || age < 1 ? 'ERR maxage should be greater than 0' : { ageMin: age };
    }
    case 'skipme':
      if (value.toLowerCase() === 'yes') return { notId: session.id };
      return value.toLowerCase() === 'no' ? { notId: -1 } : SYNTAX;
    default:
      return SYNTAX;
  }
}

function unblock(session: Session, command: Command): Value | undefined {
  let withError = false;
  if (command.argc === 4) {
    const reason = command.text(3).toLowerCase();
    if (reason !== 'timeout' && reason !== 'error') {
      return error('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
    }
    withError = reason === 'error';
  } else if (command.argc > 4) {
    return error(SYNTAX);
  }
  const id = toInteger(command.text(2));
  if (id === null) return error(NOT_AN_INTEGER);
  askAll(session, command, { kind: 'unblock', id, withError }, total);
  return undefined;
}

function pause(session: Session, command: Command): Value | undefined {
  let writesOnly = false;
  if (command.argc === 4) {
    const mode = command.text(3).toLowerCase();
    if (mode !== 'write' && mode !== 'all')
      return error('ERR CLIENT PAUSE mode must be WRITE or ALL');
    writesOnly = mode === 'write';
  } else if (command.argc > 4) {
    return error(SYNTAX);
  }
  const milliseconds = toInteger(command.text(2));
  if (milliseconds === null) return error('ERR timeout is not an integer or out of range');
  if (milliseconds < 0) return error('ERR timeout is negative');
  const untilMs = Date.now() + milliseconds;
  askAll(session, command, { kind: 'pause', untilMs, writesOnly }, () => OK);
  return undefined;
}

function onOff(command: Command): boolean | null {
  const word = command.text(2).toLowerCase();
  if (word === 'on') return true;
  return word === 'off' ? false : null;
}

/** A 64-bit integer as Redis reads it, or null. Beyond 2^53 digits are lost, which no use here minds. */
function toInteger(text: string): number | null {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return null;
  const value = BigInt(text);
  return value >= -(2n ** 63n) && value < 2n ** 63n ? Number(value) : null;
}
