/**
 * DEBUG: the few subcommands that tests of clients live on; the others would be about another server's inside. SLEEP answers
 * at once, because whoever else is served by this process must not wait with the one who asks.
 */
import { Command } from '../../commands/command.ts';
import { CommandTable, UNKNOWN } from '../../commands/lookup.ts';
import { Call, type Handler } from '../call.ts';
import { Client } from '../client.ts';
import { NO_SUCH_KEY, NOT_POSITIVE } from '../errors.ts';
import type { Database } from '../keyspace.ts';
import { ENCODING_NAMES, Kind } from '../types.ts';
import { describe } from './describe.ts';
import { wrongSubcommand } from './help.ts';

const BAD_THRESHOLD = 'ERR argument must be a memory value bigger than 1 and smaller than 4gb';
const BAD_PROTOCOL =
  'ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false';
const BAD_RELOAD = 'ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.';
const THRESHOLD_MAX = 2 ** 32;
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1e6,
  mb: 1024 ** 2,
  g: 1e9,
  gb: 1024 ** 3,
};
const table: CommandTable = new CommandTable([]);

/** The entry of the key asked about; -1: none, and the client has been told. */
function entryOf(call: Call): number {
  const entry = call.db.find(call.bytes, call.start(2), call.end(2));
  if (entry < 0) call.reply.error(NO_SUCH_KEY);
  return entry;
}

function encodingOf(db: Database, entry: number): string {
  if (db.kindOf(entry) === Kind.string) return ENCODING_NAMES[db.encodingOf(entry)]!;
  return db.objectOf(entry).encoding;
}

/** No addresses and no size of a file: they say nothing here. */
function object(call: Call): void {
  const { db, reply, engine } = call;
  const entry = entryOf(call);
  if (entry < 0) return;
  const idle = engine.idleSecondsOf(db.clockOf(entry)) ?? 0;
  const encoding = encodingOf(db, entry);
  reply.status(
    `Value at:0x0 refcount:1 encoding:${encoding} serializedlength:0 lru:0 lru_seconds_idle:${idle}`,
  );
}

function listpack(call: Call): void {
  const entry = entryOf(call);
  if (entry < 0) return;
  if (encodingOf(call.db, entry) !== 'listpack') {
    call.reply.error('ERR Not a listpack encoded object.');
  } else call.reply.status('Listpack structure printed on stdout');
}

function done({ reply }: Call): void {
  reply.ok();
}

function setActiveExpire(call: Call): void {
  call.engine.isExpiryActive = !call.is(2, '0');
  call.reply.ok();
}

/** Long elements are kept in nodes of their own here from 8 KiB on, whatever is said. */
function packedThreshold(call: Call): void {
  const match = /^(\d+)([a-z]*)$/i.exec(call.text(2));
  const unit = match === null ? undefined : UNITS[match[2]!.toLowerCase()];
  const bytes = match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit;
  if (bytes >= 0 && bytes < THRESHOLD_MAX) call.reply.ok();
  else call.reply.error(BAD_THRESHOLD);
}

/** Strings `PREFIX:N`, as many as are asked for; those that are there stay. Takes time in proportion. */
function populate(call: Call): void {
  const { db, reply } = call;
  const count = call.count(2);
  const size = call.argc > 4 ? call.count(4) : 0;
  if (count === null || count < 0 || size === null || size < 0) {
    reply.error(NOT_POSITIVE);
    return;
  }
  const prefix = call.argc > 3 ? call.copyOf(3) : Buffer.from('key');
  for (let i = 0; i < count; i++) {
    const key = Buffer.concat([prefix, Buffer.from(`:${i}`)]);
    if (db.find(key, 0, key.length) >= 0) continue;
    const text = Buffer.from(`value:${i}`);
    const value = size === 0 ? text : Buffer.alloc(size);
    if (size > 0) text.copy(value);
    db.addString(key, 0, key.length, value, 0, value.length);
    db.changed(key, 0, key.length);
  }
  reply.ok();
}

/** Every key is taken apart into the commands that make it, and made anew. Takes time in proportion to all there is. */
function reload(call: Call): void {
  const { engine, reply } = call;
  for (let i = 2; i < call.argc; i++) {
    if (call.is(i, 'merge') || call.is(i, 'noflush') || call.is(i, 'nosave')) continue;
    reply.error(BAD_RELOAD);
    return;
  }
  const loader = new Client(false);
  const inner = new Call(engine);
  for (const database of engine.databases) {
    const commands = commandsOf(database);
    database.flush();
    for (const command of commands) engine.remake(inner, command, loader);
  }
  engine.persistence?.onReset();
  reply.ok();
}

function commandsOf(database: Database): Command[] {
  const commands: Command[] = [];
  database.dict.forEach((entry) => {
    for (const words of describe(database, entry)) {
      const command = new Command(UNKNOWN, Buffer.alloc(0));
      command.fill(words.map((word) => Buffer.from(word as Buffer)));
      command.spec = table.resolve(command) ?? UNKNOWN;
      command.database = database.index;
      commands.push(command);
    }
  });
  return commands;
}

/** A value of each type of the protocol. */
const SAMPLES: Readonly<Record<string, Handler>> = {
  string: ({ reply }) => reply.bulkText('Hello World'),
  integer: ({ reply }) => reply.integer(12_345),
  double: ({ reply }) => reply.double(3141 / 1000),
  null: ({ reply }) => reply.null(),
  array: ({ reply }) => {
    reply.array(3);
    for (let i = 0; i < 3; i++) reply.integer(i);
  },
  set: ({ reply }) => {
    reply.set(3);
    for (let i = 0; i < 3; i++) reply.integer(i);
  },
  map: ({ reply }) => {
    reply.map(3);
    for (let i = 0; i < 3; i++) {
      reply.integer(i);
      reply.boolean(i === 1);
    }
  },
  attrib: ({ reply }) => {
    if (reply.protocol === 3) {
      reply.raw('|1\r\n');
      reply.bulkText('key-popularity');
      reply.array(2);
      reply.bulkText('key:123');
      reply.integer(90);
    }
    reply.bulkText('Some real reply following the attribute');
  },
  push: ({ reply }) => {
    if (reply.protocol === 2) {
      reply.error('ERR RESP2 is not supported by this command');
      return;
    }
    reply.push(2);
    reply.bulkText('server-cpu-usage');
    reply.integer(42);
    reply.bulkText('Some real reply following the push reply');
  },
  true: ({ reply }) => reply.boolean(true),
  false: ({ reply }) => reply.boolean(false),
  verbatim: ({ reply }) => reply.verbatim('txt', Buffer.from('This is a verbatim\nstring')),
  bignum: ({ reply }) => {
    const digits = '1234567999999999999999999999999999999';
    if (reply.protocol === 3) reply.raw(`(${digits}\r\n`);
    else reply.bulkText(digits);
  },
};

function protocol(call: Call): void {
  const sample = SAMPLES[call.text(2).toLowerCase()];
  if (sample === undefined) call.reply.error(BAD_PROTOCOL);
  else sample(call);
}

interface Subcommand {
  readonly run: Handler;
  /** Arguments behind its name. */
  readonly least: number;
  readonly most: number;
}

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  object: { run: object, least: 1, most: 1 },
  listpack: { run: listpack, least: 1, most: 1 },
  sleep: { run: done, least: 1, most: 1 },
  log: { run: done, least: 1, most: 1 },
  error: { run: (call) => call.reply.error(call.text(2)), least: 1, most: 1 },
  'change-repl-id': { run: done, least: 0, most: 0 },
  'set-active-expire': { run: setActiveExpire, least: 1, most: 1 },
  'quicklist-packed-threshold': { run: packedThreshold, least: 1, most: 1 },
  populate: { run: populate, least: 1, most: 3 },
  reload: { run: reload, least: 0, most: Infinity },
  protocol: { run: protocol, least: 1, most: 1 },
};

function debug(call: Call): void {
  const found = SUBCOMMANDS[call.text(1).toLowerCase()];
  const given = call.argc - 2;
  if (found === undefined || given < found.least || given > found.most) wrongSubcommand(call);
  else found.run(call);
}

export const DEBUG_COMMANDS: Readonly<Record<string, Handler>> = { debug };
