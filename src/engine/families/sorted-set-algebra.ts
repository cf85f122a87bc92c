/** Sorted sets and sets together (https://redis.io/docs/latest/commands/zunion/). */
import type { Call, Handler } from '../call.ts';
import { NOT_INTEGER, SYNTAX, WRONG_TYPE } from '../errors.ts';
import { Kind } from '../types.ts';
import { Element } from '../values/listpack.ts';
import type { Members } from '../values/members.ts';
import { parseScore } from '../values/score.ts';
import { SortedSet } from '../values/sorted-set.ts';
import { storeSortedSet } from './sorted-set-range.ts';

const WEIGHT_NOT_FLOAT = 'ERR weight value is not a float';
const LIMIT_NEGATIVE = "ERR LIMIT can't be negative";
/** The score of every member of a set. */
const SET_SCORE = 1;

/** Members of a result whose memory is given back at once; more, a slice at a time. */
const RELEASED_AT_ONCE_MAX = 64;

/** Of the member that is looked at; the set it is put into reads its own. */
const element: Element = new Element();

interface Input {
  /** Null: there is no such key. */
  readonly members: Members | null;
  readonly size: number;
  weight: number;
}

type Aggregate = (a: number, b: number) => number;

interface Wish {
  /** The number of keys is this argument. */
  readonly at: number;
  /** DIFF has neither WEIGHTS nor AGGREGATE, the number alone nothing but a limit. */
  readonly isWeighted: boolean;
  readonly mayShowScores: boolean;
  readonly isCount: boolean;
}

const SHOWN: Wish = { at: 1, isWeighted: true, mayShowScores: true, isCount: false };
const STORED: Wish = { at: 2, isWeighted: true, mayShowScores: false, isCount: false };
const SHOWN_DIFFERENCE: Wish = { ...SHOWN, isWeighted: false };
const STORED_DIFFERENCE: Wish = { ...STORED, isWeighted: false };
const COUNTED: Wish = { at: 1, isWeighted: false, mayShowScores: false, isCount: true };

interface Operands {
  readonly inputs: Input[];
  aggregate: Aggregate;
  withScores: boolean;
  /** 0: none. */
  limit: number;
}

/** Null: wrong, and the client has been told. */
function readOperands(call: Call, wish: Wish): Operands | null {
  const { reply } = call;
  const count = call.count(wish.at);
  if (count === null || count < 1) {
    const name = call.command.spec.name;
    const none = `ERR at least 1 input key is needed for '${name}' command`;
    reply.error(count === null ? NOT_INTEGER : none);
    return null;
  }
  if (count > call.argc - wish.at - 1) {
    reply.error(SYNTAX);
    return null;
  }
  const inputs: Input[] = [];
  for (let key = wish.at + 1; key <= wish.at + count; key++) {
    const input = inputAt(call, key);
    if (input === null) return null;
    inputs.push(input);
  }
  const operands: Operands = { inputs, aggregate: sum, withScores: false, limit: 0 };
  const error = readOptions(call, wish, operands);
  if (error === null) return operands;
  reply.error(error);
  return null;
}

/** Null: it is something else, and the client has been told. */
function inputAt(call: Call, key: number): Input | null {
  const { db } = call;
  const entry = call.read(key);
  if (entry < 0) return { members: null, size: 0, weight: 1 };
  const kind = db.kindOf(entry);
  if (kind !== Kind.zset && kind !== Kind.set) {
    call.reply.error(WRONG_TYPE);
    return null;
  }
  const members = db.objectOf(entry) as Members;
  return { members, size: members.size, weight: 1 };
}

/** What is wrong; null: nothing. */
function readOptions(call: Call, wish: Wish, operands: Operands): string | null {
  const { inputs } = operands;
  let i = wish.at + 1 + inputs.length;
  while (i < call.argc) {
    const behind = call.argc - i - 1;
    if (wish.isWeighted && behind >= inputs.length && call.is(i, 'weights')) {
      for (const input of inputs) {
        input.weight = parseScore(call.bytes, call.start(++i), call.end(i));
        if (Number.isNaN(input.weight)) return WEIGHT_NOT_FLOAT;
      }
    } else if (wish.isWeighted && behind > 0 && call.is(i, 'aggregate')) {
      const aggregate = aggregateOf(call, ++i);
      if (aggregate === null) return SYNTAX;
      operands.aggregate = aggregate;
    } else if (wish.mayShowScores && call.is(i, 'withscores')) operands.withScores = true;
    else if (wish.isCount && behind > 0 && call.is(i, 'limit')) {
      const limit = call.count(++i);
      if (limit === null || limit < 0) return LIMIT_NEGATIVE;
      operands.limit = limit;
    } else return SYNTAX;
    i++;
  }
  return null;
}

function aggregateOf(call: Call, index: number): Aggregate | null {
  if (call.is(index, 'sum')) return sum;
  if (call.is(index, 'min')) return least;
  return call.is(index, 'max') ? greatest : null;
}

/** Infinities that cancel each other come to 0. */
function sum(a: number, b: number): number {
  const result = a + b;
  return Number.isNaN(result) ? 0 : result;
}

function least(a: number, b: number): number {
  return isLess(b, a) ? b : a;
}

function greatest(a: number, b: number): number {
  return isLess(a, b) ? b : a;
}

/** Not so of -0 and 0, between which Math.min and Math.max would choose. */
function isLess(a: number, b: number): boolean {
  return a < b;
}

function weighted(score: number, weight: number): number {
  const result = score * weight;
  return Number.isNaN(result) ? 0 : result;
}

/** NaN: it is no member. */
function scoreIn(members: Members, bytes: Buffer, start: number, end: number): number {
  if (members instanceof SortedSet) return members.scoreOf(bytes, start, end);
  return members.has(bytes, start, end) ? SET_SCORE : Number.NaN;
}

/** Every member with its score, until `visit` says true. The member is in `element`. */
function someMember(members: Members, visit: (score: number) => boolean): void {
  if (!(members instanceof SortedSet)) {
    members.some(element, () => visit(SET_SCORE));
    return;
  }
  for (let place = members.first(); place !== 0; place = members.next(place)) {
    members.read(place, element);
    if (visit(members.scoreAt(place))) return;
  }
}

/** For a result: big, so that putting members into it is quick, and -0 is kept as it is. */
function newSet(call: Call): SortedSet {
  const set = new SortedSet(call.engine.arena, call.engine.settings);
  set.leavePack();
  return set;
}

/** Small ones first: sums of doubles depend on it. */
function bySize(inputs: Input[]): Input[] {
  return inputs.sort((a, b) => a.size - b.size);
}

function union(call: Call, { inputs, aggregate }: Operands): SortedSet {
  const result = newSet(call);
  for (const { members, weight } of bySize(inputs)) {
    if (members === null) continue;
    someMember(members, (raw) => {
      const { bytes, start, end } = element;
      const score = weighted(raw, weight);
      const place = result.find(bytes, start, end);
      if (place === 0) result.add(bytes, start, end, score);
      else result.rescore(place, aggregate(result.scoreAt(place), score));
      return false;
    });
  }
  return result;
}

function intersection(call: Call, { inputs, aggregate }: Operands): SortedSet {
  const result = newSet(call);
  const [first, ...others] = bySize(inputs);
  if (first === undefined || first.members === null) return result;
  someMember(first.members, (raw) => {
    const { bytes, start, end } = element;
    let score = weighted(raw, first.weight);
    for (const { members, weight } of others) {
      const other = members === null ? Number.NaN : scoreIn(members, bytes, start, end);
      if (Number.isNaN(other)) return false;
      // Only the first is made a number here: what is none comes to 0 in a sum, and is passed over else.
      score = aggregate(score, other * weight);
    }
    result.add(bytes, start, end, score);
    return false;
  });
  return result;
}

function difference(call: Call, { inputs }: Operands): SortedSet {
  const result = newSet(call);
  const [first, ...rest] = inputs;
  if (first === undefined || first.members === null) return result;
  // What is big is likely to have a member, and then the others need not be asked.
  const others = bySize(rest).reverse();
  someMember(first.members, (score) => {
    const { bytes, start, end } = element;
    const isElsewhere = others.some(({ members }) => members?.has(bytes, start, end) === true);
    if (!isElsewhere) result.add(bytes, start, end, score);
    return false;
  });
  return result;
}

type Operation = (call: Call, operands: Operands) => SortedSet;

function show(call: Call, wish: Wish, operation: Operation): void {
  const operands = readOperands(call, wish);
  if (operands === null) return;
  const { reply } = call;
  const { withScores } = operands;
  const result = operation(call, operands);
  const isNested = withScores && reply.protocol === 3;
  reply.array(withScores && !isNested ? result.size * 2 : result.size);
  for (let place = result.first(); place !== 0; place = result.next(place)) {
    if (isNested) reply.array(2);
    result.read(place, element);
    reply.bulk(element.bytes, element.start, element.end);
    if (withScores) reply.double(result.scoreAt(place));
  }
  if (result.size <= RELEASED_AT_ONCE_MAX) result.release(Infinity);
  else call.engine.discard(result);
}

function store(call: Call, wish: Wish, operation: Operation): void {
  const operands = readOperands(call, wish);
  if (operands === null) return;
  const result = operation(call, operands);
  result.joinPack();
  storeSortedSet(call, 1, result, call.command.spec.name);
}

function zunion(call: Call): void {
  show(call, SHOWN, union);
}

function zinter(call: Call): void {
  show(call, SHOWN, intersection);
}

function zdiff(call: Call): void {
  show(call, SHOWN_DIFFERENCE, difference);
}

function zunionstore(call: Call): void {
  store(call, STORED, union);
}

function zinterstore(call: Call): void {
  store(call, STORED, intersection);
}

function zdiffstore(call: Call): void {
  store(call, STORED_DIFFERENCE, difference);
}

function zintercard(call: Call): void {
  const operands = readOperands(call, COUNTED);
  if (operands === null) return;
  const { limit } = operands;
  const [first, ...others] = bySize(operands.inputs);
  let count = 0;
  if (first !== undefined && first.members !== null) {
    first.members.some(element, () => {
      const { bytes, start, end } = element;
      const isInAll = others.every(({ members }) => members?.has(bytes, start, end) === true);
      if (isInAll) count++;
      return limit > 0 && count >= limit;
    });
  }
  call.reply.integer(count);
}

export const SORTED_SET_ALGEBRA_COMMANDS: Readonly<Record<string, Handler>> = {
  zunion,
  zinter,
  zdiff,
  zunionstore,
  zinterstore,
  zdiffstore,
  zintercard,
};
