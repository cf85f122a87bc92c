/**
 * How the replies of several servers become one: a rule for each `merge` of the command table.
 *
 * Never a partial success: where one server fails or says no, the answer is how many did (seed 002). Only a refusal
 * that every server words alike is passed on, for then nothing was done anywhere: a misspelt option, an unknown
 * function.
 */
import type { Command } from '../commands/command.ts';
import { dbsizeFor, functionListFor } from '../commands/own.ts';
import type { Merge } from '../commands/spec.ts';
import type { ByteQueue } from '../core/bytes.ts';
import { decodeReply } from '../resp/decode.ts';
import { encodeError, encodeValue } from '../resp/encoder.ts';
import {
  finishedWithErrors,
  JOINED_TOO_LONG,
  serversDiffer,
  UPSTREAM_PROTOCOL_ERROR,
} from '../resp/errors.ts';
import { skipValue } from '../resp/skip.ts';
import { ARRAY, INTEGER, LF, MAP, MINUS, NULL, PUSH, SET } from '../resp/types.ts';
import { asInteger, textOf, type Value } from '../resp/value.ts';
import { joinConfig, joinFunctionStats, joinMemoryStats, joinRoles } from './merge-figures.ts';
import { type About, infoJoin } from './merge-info.ts';
import { joinHistograms, joinHistory, joinLatest, slowlogJoin } from './merge-logs.ts';
import { isErrorReply, type JoinValues, type Poll } from './poll.ts';

/** Writes the joint reply; false: a server answered what this command is never answered with. */
type Join = (replies: readonly Buffer[], out: ByteQueue) => boolean;

export interface Merger {
  /** What each server is asked, in this order. */
  readonly asks: readonly Command[];
  write(poll: Poll, out: ByteQueue): void;
}

/** Reads from `command` all that is needed later: it is valid only now. */
export function mergerOf(command: Command, merge: Merge, about: About | null): Merger {
  const join = joinOf(command, merge, about);
  const asks = asksOf(command, merge);
  return {
    asks,
    write(poll, out) {
      if (poll.isTooLong) encodeError(out, JOINED_TOO_LONG);
      else if (merge === 'one') writeOne(poll, out);
      else if (merge === 'graph') writeGraphs(poll, join, out);
      else writeAll(poll, asks.length, join, out);
    },
  };
}

/** Asked at once rather than one after the other, so that no later command of the client comes between. */
function asksOf(command: Command, merge: Merge): Command[] {
  switch (merge) {
    case 'randomkey':
      return [dbsizeFor(command), command];
    case 'dump':
      return [functionListFor(command), command];
    default:
      return [command];
  }
}

function joinOf(command: Command, merge: Merge, about: About | null): Join {
  const { protocol } = command;
  const values = (join: JoinValues): Join => {
    return (replies, out) => {
      const value = join(replies.map((reply) => decodeReply(reply)));
      if (value !== undefined) encodeValue(out, value, protocol);
      return value !== undefined;
    };
  };
  switch (merge) {
    case 'sum':
      return values(fold((left, right) => left + right));
    case 'min':
      return values(fold(lesser));
    case 'max':
      return values(fold((left, right) => (lesser(left, right) === left ? right : left)));
    case 'and':
      return values(fold((left, right) => (left !== 0n && right !== 0n ? 1n : 0n)));
    case 'or':
      return values(fold((left, right) => (left !== 0n || right !== 0n ? 1n : 0n)));
    case 'all':
    case 'one':
    case 'scan':
      return first;
    case 'concat':
      return concat;
    case 'same':
      return sameJoin(command.spec.name);
    case 'dump':
      return dumpJoin(command.spec.name);
    case 'text':
    case 'graph':
      return values(joinTexts);
    case 'config':
      return values(joinConfig);
    case 'function_stats':
      return values(joinFunctionStats);
    case 'info':
      return values(infoJoin(command, about));
    case 'latency_histogram':
      return values(joinHistograms);
    case 'latency_history':
      return values(joinHistory);
    case 'latency_latest':
      return values(joinLatest);
    case 'memory_stats':
      return values(joinMemoryStats);
    case 'randomkey':
      return pickKey;
    case 'role':
      return values(joinRoles);
    case 'slowlog':
      return values(slowlogJoin(command));
  }
}

function writeAll(poll: Poll, perServer: number, join: Join, out: ByteQueue): void {
  const { replies } = poll;
  const errors = serversWithError(replies, perServer);
  if (errors === 0) {
    if (!join(replies, out)) encodeError(out, UPSTREAM_PROTOCOL_ERROR);
    return;
  }
  const alike = poll.failures === 0 && replies.every((reply) => reply.equals(replies[0]!));
  if (alike) write(out, replies[0]!);
  else encodeError(out, finishedWithErrors(errors));
}

function serversWithError(replies: readonly Buffer[], perServer: number): number {
  let count = 0;
  for (let at = 0; at < replies.length; at += perServer) {
    if (replies.slice(at, at + perServer).some(isErrorReply)) count++;
  }
  return count;
}

/** What a server says that has nothing to stop; any other error tells more. */
const NOTHING_TO_DO = '-NOTBUSY';

/** One success is enough; without any, the first error that says more than that there was nothing to do. */
function writeOne({ replies }: Poll, out: ByteQueue): void {
  const telling = (reply: Buffer): boolean =>
    !reply.subarray(0, NOTHING_TO_DO.length).equals(Buffer.from(NOTHING_TO_DO));
  const chosen = replies.find((reply) => !isErrorReply(reply)) ?? replies.find(telling);
  write(out, chosen ?? replies[0]!);
}

/** A server without samples of an event says so by an error, which is none of the others'. */
function writeGraphs(poll: Poll, join: Join, out: ByteQueue): void {
  const good = poll.replies.filter((reply) => !isErrorReply(reply));
  if (poll.failures > 0 || good.length === 0) writeAll(poll, 1, join, out);
  else if (!join(good, out)) encodeError(out, UPSTREAM_PROTOCOL_ERROR);
}

function write(out: ByteQueue, bytes: Buffer): void {
  out.append(bytes, 0, bytes.length);
}

const first: Join = (replies, out) => {
  write(out, replies[0]!);
  return true;
};

/** Integers, or arrays of them element by element. */
function fold(step: (left: bigint, right: bigint) => bigint): JoinValues {
  const two = (left: Value, right: Value): Value | undefined => {
    if (Array.isArray(left) && Array.isArray(right) && left.length === right.length) {
      const elements = left.map((element, at) => two(element, right[at]!));
      return elements.includes(undefined) ? undefined : (elements as Value[]);
    }
    if (!isInteger(left) || !isInteger(right)) return undefined;
    return asInteger(step(BigInt(left), BigInt(right)));
  };
  return (replies) =>
    replies
      .slice(1)
      .reduce<Value | undefined>(
        (joined, reply) => (joined === undefined ? undefined : two(joined, reply)),
        replies[0],
      );
}

/** `Math.min` knows no such integers. */
function lesser(left: bigint, right: bigint): bigint {
  if (right < left) return right;
  return left;
}

function isInteger(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** Lists of one kind, put together without looking at their elements: there may be millions. */
const concat: Join = (replies, out) => {
  const heads = replies.map(listHead);
  if (heads.every((head) => head === null)) return first(replies, out);
  const type = heads[0]?.type;
  if (heads.some((head) => head === null || head.type !== type)) return false;
  const count = heads.reduce((sum, head) => sum + head!.count, 0);
  out.appendLatin1(`${String.fromCharCode(type!)}${count}\r\n`);
  for (const [at, reply] of replies.entries()) out.append(reply, heads[at]!.start, reply.length);
  return true;
};

/** Null: no list. A null array has no elements. */
function listHead(reply: Buffer): { type: number; count: number; start: number } | null {
  const type = reply[0]!;
  if (type !== ARRAY && type !== SET && type !== MAP && type !== PUSH) return null;
  const end = reply.indexOf(LF);
  const count = reply[1] === MINUS ? 0 : Number(reply.toString('latin1', 1, end - 1));
  return { type, count, start: end + 1 };
}

/** The first reply, if no server says anything else; the order of lists of lists is nobody's. */
function sameJoin(name: string): Join {
  return (replies, out) => {
    if (areSame(replies)) write(out, replies[0]!);
    else encodeError(out, serversDiffer(name));
    return true;
  };
}

function areSame(replies: readonly Buffer[]): boolean {
  if (replies.every((reply) => reply.equals(replies[0]!))) return true;
  const canonical = replies.map((reply) => canonicalBytes(reply, 0, reply.length));
  return canonical.every((bytes) => bytes.equals(canonical[0]!));
}

/** Lists of nothing but lists are sorted; in others a place has a meaning. */
function canonicalBytes(bytes: Buffer, start: number, end: number): Buffer {
  const whole = bytes.subarray(start, end);
  const head = listHead(whole);
  if (head === null) return whole;
  const elements: Buffer[] = [];
  let isOfLists = true;
  for (let at = start + head.start; at < end; ) {
    const next = skipValue(bytes, at);
    isOfLists &&= listHead(bytes.subarray(at, next)) !== null;
    elements.push(canonicalBytes(bytes, at, next));
    at = next;
  }
  if (isOfLists) elements.sort(Buffer.compare);
  return Buffer.concat([whole.subarray(0, head.start), ...elements]);
}

/** Each server gave its list and its dump; equal lists make dumps that restore the same, whatever their bytes. */
function dumpJoin(name: string): Join {
  return (replies, out) => {
    const lists = replies.filter((_reply, at) => at % 2 === 0);
    if (areSame(lists)) write(out, replies[1]!);
    else encodeError(out, serversDiffer(name));
    return true;
  };
}

/** Each server gave its number of keys and one of them: as likely as it has keys, it is taken. */
const pickKey: Join = (replies, out) => {
  const weights: number[] = [];
  for (let at = 0; at < replies.length; at += 2) {
    const size = replies[at]!;
    if (size[0] !== INTEGER) return false;
    const weight = Number(size.toString('latin1', 1, size.length - 2));
    // The last key may have gone between the two answers.
    weights.push(isNull(replies[at + 1]!) ? 0 : Math.max(weight, 1));
  }
  let left = Math.random() * weights.reduce((sum, weight) => sum + weight, 0);
  let chosen = weights.findIndex((weight) => weight > 0);
  for (const [server, weight] of weights.entries()) {
    if (weight === 0) continue;
    chosen = server;
    left -= weight;
    if (left < 0) break;
  }
  write(out, replies[Math.max(chosen, 0) * 2 + 1]!);
  return true;
};

function isNull(reply: Buffer): boolean {
  return reply[0] === NULL || reply[1] === MINUS;
}

/** Reports for people to read. */
const joinTexts: JoinValues = (replies) => {
  const texts = replies.map(textOf);
  if (texts.includes(null)) return undefined;
  if (texts.every((text) => text === texts[0])) return replies[0];
  const parts = texts.map((text, server) => `# Server ${server}\n${text!.trimEnd()}\n`);
  return { verbatim: parts.join('\n'), format: 'txt' };
};
