/** Places in sorted sets (https://redis.io/docs/latest/commands/?group=geo). */
import type { Call, Handler } from '../call.ts';
import { NOT_FLOAT, SYNTAX } from '../errors.ts';
import type { Reply } from '../reply.ts';
import { distanceBetween, isOnMap } from '../values/geo-area.ts';
import { decode, encode, letters, Point, STEP_MAX } from '../values/geohash.ts';
import { parseScore } from '../values/score.ts';
import type { SortedSet } from '../values/sorted-set.ts';
import { addScores, CH, NX, sortedSetOf, XX } from './sorted-set.ts';

const NO_UNIT = 'ERR unsupported unit provided. please use M, KM, FT, MI';
const FRACTION_DIGITS = 17;
const DISTANCE_DIGITS = 4;
const PRINTED_DIGITS = 6;

/** Where the members are that the command under way asks for. */
const point: Point = new Point();
const other: Point = new Point();

/** The place that two arguments are. False: none, and the client has been told. */
export function readPoint(call: Call, first: number, target: Point): boolean {
  const longitude = parseScore(call.bytes, call.start(first), call.end(first));
  const next = first + 1;
  const latitude = Number.isNaN(longitude)
    ? Number.NaN
    : parseScore(call.bytes, call.start(next), call.end(next));
  if (Number.isNaN(latitude)) {
    call.reply.error(NOT_FLOAT);
    return false;
  }
  if (!isOnMap(longitude, latitude)) {
    const pair = `${printed(longitude)},${printed(latitude)}`;
    call.reply.error(`ERR invalid longitude,latitude pair ${pair}`);
    return false;
  }
  target.longitude = longitude;
  target.latitude = latitude;
  return true;
}

/** As C's `%f`. */
function printed(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Math.abs(value) < 1e21) return value.toFixed(PRINTED_DIGITS);
  return `${BigInt(value)}.${'0'.repeat(PRINTED_DIGITS)}`;
}

/** Metres of the unit that an argument is; 0: none, and the client has been told. */
export function readUnit(call: Call, index: number): number {
  if (call.is(index, 'm')) return 1;
  if (call.is(index, 'km')) return 1000;
  if (call.is(index, 'ft')) return 0.3048;
  if (call.is(index, 'mi')) return 1609.34;
  call.reply.error(NO_UNIT);
  return 0;
}

/** The place of the member at an argument. False: there is none. */
export function pointOf(call: Call, set: SortedSet, member: number, target: Point): boolean {
  const place = set.find(call.bytes, call.start(member), call.end(member));
  if (place === 0) return false;
  decode(set.scoreAt(place), target);
  return true;
}

export function replyDistance(reply: Reply, distance: number): void {
  reply.bulkText(distance.toFixed(DISTANCE_DIGITS));
}

export function replyPoint(reply: Reply, { longitude, latitude }: Point): void {
  reply.array(2);
  replyDegrees(reply, longitude);
  replyDegrees(reply, latitude);
}

function replyDegrees(reply: Reply, value: number): void {
  const text = value.toFixed(FRACTION_DIGITS).replace(/\.?0+$/, '');
  const plain = text === '-0' ? '0' : text;
  if (reply.protocol === 3) reply.raw(`,${plain}\r\n`);
  else reply.bulkText(plain);
}

function geoadd(call: Call): void {
  let flags = 0;
  let first = 2;
  for (; first < call.argc; first++) {
    if (call.is(first, 'nx')) flags |= NX;
    else if (call.is(first, 'xx')) flags |= XX;
    else if (call.is(first, 'ch')) flags |= CH;
    else break;
  }
  const count = (call.argc - first) / 3;
  const isBoth = (flags & NX) !== 0 && (flags & XX) !== 0;
  if (!Number.isInteger(count) || count === 0 || isBoth) {
    call.reply.error(SYNTAX);
    return;
  }
  const scores = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    if (!readPoint(call, first + i * 3, point)) return;
    scores[i] = encode(point.longitude, point.latitude, STEP_MAX);
  }
  addScores(call, scores, first + 2, 3, count, flags);
  if (call.dirty > 0 && call.engine.isKept) rewriteAdd(call, scores, first);
}

/** The file gets scores, which need no formulas when they are read. */
function rewriteAdd(call: Call, scores: Float64Array, first: number): void {
  const words: (string | Buffer)[] = ['ZADD', call.copyOf(1)];
  for (let i = 2; i < first; i++) words.push(call.copyOf(i));
  for (let i = 0; i < scores.length; i++) {
    words.push(String(scores[i]), call.copyOf(first + 2 + i * 3));
  }
  call.rewrite(...words);
}

function geodist(call: Call): void {
  const { reply } = call;
  if (call.argc > 5) {
    reply.error(SYNTAX);
    return;
  }
  const unit = call.argc === 5 ? readUnit(call, 4) : 1;
  if (unit === 0) return;
  const entry = call.read(1);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry >= 0 && set === null) return;
  if (set === null || !pointOf(call, set, 2, point) || !pointOf(call, set, 3, other)) {
    reply.null();
    return;
  }
  const { longitude, latitude } = point;
  const metres = distanceBetween(longitude, latitude, other.longitude, other.latitude);
  replyDistance(reply, metres / unit);
}

function geohash(call: Call): void {
  const entry = call.read(1);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry >= 0 && set === null) return;
  call.reply.array(call.argc - 2);
  for (let i = 2; i < call.argc; i++) {
    const place = set === null ? 0 : set.find(call.bytes, call.start(i), call.end(i));
    if (set === null || place === 0) call.reply.null();
    else call.reply.bulkText(letters(set.scoreAt(place)));
  }
}

function geopos(call: Call): void {
  const entry = call.read(1);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry >= 0 && set === null) return;
  call.reply.array(call.argc - 2);
  for (let i = 2; i < call.argc; i++) {
    if (set === null || !pointOf(call, set, i, point)) call.reply.nullArray();
    else replyPoint(call.reply, point);
  }
}

export const GEO_COMMANDS: Readonly<Record<string, Handler>> = {
  geoadd,
  geodist,
  geohash,
  geopos,
};
