/**
 * PUBSUB: who is subscribed to what, over all servers. A server knows this gateway as one subscriber however
 * many clients stand behind it, so what it says is corrected: without our own connection, with our clients.
 *
 * A channel or pattern that a client has just left may still be subscribed to at the servers; it is left out,
 * and with it, for that moment, whoever else is subscribed to it there.
 */
import type { Backend, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import type { ChannelKind } from '../commands/own.ts';
import { ByteQueue } from '../core/bytes.ts';
import { globMatches } from '../core/glob.ts';
import { encodeArrayHead, encodeBulk } from '../resp/encoder.ts';
import { finishedWithErrors, linkError } from '../resp/errors.ts';
import { skipValue } from '../resp/skip.ts';
import { ARRAY, BULK_STRING, CR, INTEGER, LF } from '../resp/types.ts';
import { replyError } from './answers.ts';
import type { Channels } from './channels.ts';
import { type Group, type Source, sourcesOf } from './group.ts';

const NO_HOST = linkError('no_host', 'no server has channels');

/** What one server said. */
interface Report {
  readonly group: Group;
  readonly server: Source;
  reply: Buffer | null;
}

/** Writes the joined reply. */
type Join = (
  channels: Channels,
  reports: readonly Report[],
  command: Arguments,
  out: ByteQueue,
) => void;

/** The arguments behind the subcommand, one character per byte: the command itself is gone by then. */
type Arguments = readonly string[];

const joins: Readonly<Record<string, Join>> = {
  'pubsub|channels': (channels, reports, command, out) =>
    joinChannels('channel', channels, reports, command, out),
  'pubsub|shardchannels': (channels, reports, command, out) =>
    joinChannels('shard', channels, reports, command, out),
  'pubsub|numsub': (channels, reports, command, out) =>
    joinCounts('channel', channels, reports, command, out),
  'pubsub|shardnumsub': (channels, reports, command, out) =>
    joinCounts('shard', channels, reports, command, out),
  'pubsub|numpat': joinPatterns,
};

/** Answers a command about subscriptions; what is not counted (HELP) one server answers. */
export function takeCensus(channels: Channels, command: Command, sink: Sink): void {
  const join = joins[command.spec.name];
  const reports = channels.groups.flatMap((group) =>
    sourcesOf(group).map((server): Report => ({ group, server, reply: null })),
  );
  if (reports.length === 0) {
    sink.fail(NO_HOST);
    return;
  }
  if (join === undefined) {
    reports[0]!.server.dispatch(command, sink);
    return;
  }
  const given: string[] = [];
  for (let i = 2; i < command.argc; i++) given.push(command.arg(i).toString('latin1'));
  askAll(reports, command, sink, () => {
    const out = new ByteQueue();
    join(channels, reports, given, out);
    sink.reply(out.bytes, 0, out.length);
    out.clear();
  });
}

/** `then` runs if every server has answered with a value; else `sink` gets the error. */
function askAll(reports: readonly Report[], command: Command, sink: Sink, then: () => void): void {
  let waiting = reports.length;
  let failures = 0;
  let refusal: Buffer | null = null;
  const settle = (): void => {
    if (--waiting > 0) return;
    // All say the same of a command they do not understand.
    if (refusal !== null && failures === reports.length) sink.reply(refusal, 0, refusal.length);
    else if (failures > 0) replyError(sink, finishedWithErrors(failures));
    else then();
  };
  for (const report of reports) {
    const server: Backend = report.server;
    server.dispatch(command, {
      reply(bytes, start, end) {
        const reply = Buffer.from(bytes.subarray(start, end));
        if (reply[0] === ARRAY || reply[0] === INTEGER) {
          report.reply = reply;
        } else {
          refusal ??= reply;
          failures++;
        }
        settle();
      },
      fail() {
        failures++;
        settle();
      },
    });
  }
}

function joinChannels(
  kind: ChannelKind,
  channels: Channels,
  reports: readonly Report[],
  given: Arguments,
  out: ByteQueue,
): void {
  const names = new Set<string>();
  for (const { group, reply } of reports) {
    const ours = channels.hubOf(group)?.streams(kind);
    for (const name of listOf(reply!)) {
      const bytes = Buffer.from(name, 'latin1');
      const stream = ours?.get(name);
      const isLeft = stream !== undefined && stream.listeners === 0;
      if (!isLeft && channels.owns(group, bytes, 0, bytes.length)) names.add(name);
    }
  }
  const pattern = given[0] === undefined ? null : Buffer.from(given[0], 'latin1');
  // Of those here a server that has just come back may not know yet.
  for (const group of channels.groups) {
    for (const [name, { bytes, listeners }] of channels.hubOf(group)?.streams(kind) ?? []) {
      const matches = pattern === null || globMatches(pattern, bytes, 0, bytes.length);
      if (listeners > 0 && matches) names.add(name);
    }
  }
  encodeArrayHead(out, names.size);
  for (const name of names) encodeBulk(out, Buffer.from(name, 'latin1'));
}

function joinCounts(
  kind: ChannelKind,
  channels: Channels,
  reports: readonly Report[],
  given: Arguments,
  out: ByteQueue,
): void {
  const lists = reports.map(({ reply }) => listOf(reply!));
  encodeArrayHead(out, given.length * 2);
  for (const [index, name] of given.entries()) {
    const bytes = Buffer.from(name, 'latin1');
    let count = 0;
    for (const [at, { group, server }] of reports.entries()) {
      if (!channels.owns(group, bytes, 0, bytes.length)) continue;
      const own = channels.hubOf(group)?.isLiveAt(server, kind, name) === true ? 1 : 0;
      count += Math.max(0, Number(lists[at]![index * 2 + 1] ?? 0) - own);
    }
    for (const group of channels.groups) {
      count += channels.hubOf(group)?.streams(kind).get(name)?.listeners ?? 0;
    }
    encodeBulk(out, bytes);
    out.appendLatin1(`:${count}\r\n`);
  }
}

/** A server counts each pattern once; one that others have on several servers is counted for each. */
function joinPatterns(
  channels: Channels,
  reports: readonly Report[],
  _given: Arguments,
  out: ByteQueue,
): void {
  let count = 0;
  for (const { group, server, reply } of reports) {
    const hub = channels.hubOf(group);
    let own = 0;
    for (const name of hub?.streams('pattern').keys() ?? []) {
      if (hub!.isLiveAt(server, 'pattern', name)) own++;
    }
    count += Math.max(0, Number(reply!.toString('latin1', 1, reply!.length - 2)) - own);
  }
  const here = new Set<string>();
  for (const group of channels.groups) {
    for (const [name, { listeners }] of channels.hubOf(group)?.streams('pattern') ?? []) {
      if (listeners > 0) here.add(name);
    }
  }
  out.appendLatin1(`:${count + here.size}\r\n`);
}

/** Strings and integers of a flat array, as text of one character per byte. */
function listOf(reply: Buffer): string[] {
  const list: string[] = [];
  let at = reply.indexOf(LF) + 1;
  while (at < reply.length) {
    const end = skipValue(reply, at);
    const isBulk = reply[at] === BULK_STRING;
    const from = isBulk ? reply.indexOf(LF, at) + 1 : at + 1;
    list.push(reply.toString('latin1', from, reply[end - 2] === CR ? end - 2 : end));
    at = end;
  }
  return list;
}
