/** Places around a place (https://redis.io/docs/latest/commands/geosearch/). */
import type { Call, Handler } from '../call.ts';
import { NOT_INTEGER, SYNTAX } from '../errors.ts';
import { Area } from '../values/geo-area.ts';
import { decode, Point } from '../values/geohash.ts';
import { Element } from '../values/listpack.ts';
import { sortFirst } from '../values/partial-sort.ts';
import { parseScore } from '../values/score.ts';
import { SortedSet } from '../values/sorted-set.ts';
import { pointOf, readPoint, readUnit, replyDistance, replyPoint } from './geo.ts';
import { sortedSetOf } from './sorted-set.ts';
import { storeSortedSet } from './sorted-set-range.ts';

const NO_MEMBER = 'ERR could not decode requested zset member';
const NO_RADIUS = 'ERR need numeric radius';
const RADIUS_NEGATIVE = 'ERR radius cannot be negative';
const NO_WIDTH = 'ERR need numeric width';
const NO_HEIGHT = 'ERR need numeric height';
const BOX_NEGATIVE = 'ERR height or width cannot be negative';
const COUNT_NOT_POSITIVE = 'ERR COUNT must be > 0';
const ANY_WITHOUT_COUNT = 'ERR the ANY argument requires COUNT argument';

/** What a command says by its name. */
interface Form {
  /** The key that is searched. */
  readonly key: number;
  /** GEOSEARCH: the middle and the shape are options. */
  readonly isOpen: boolean;
  /** The middle is a member, or longitude and latitude. */
  readonly byMember: boolean;
  readonly mayStore: boolean;
}

const RADIUS: Form = { key: 1, isOpen: false, byMember: false, mayStore: true };
const RADIUS_READ: Form = { ...RADIUS, mayStore: false };
const MEMBER: Form = { ...RADIUS, byMember: true };
const MEMBER_READ: Form = { ...MEMBER, mayStore: false };
const SEARCH: Form = { key: 1, isOpen: true, byMember: false, mayStore: false };
const SEARCH_STORE: Form = { key: 2, isOpen: true, byMember: false, mayStore: true };

class Search {
  readonly form: Form;
  /** Null: there is no such key. */
  readonly set: SortedSet | null;
  readonly area: Area = new Area();
  hasMiddle = false;
  hasShape = false;
  withDistance = false;
  withHash = false;
  withPoint = false;
  /** 0: all. */
  count = 0;
  any = false;
  /** 1: the nearest first, -1: the farthest, 0: as they are found. */
  order = 0;
  /** The argument to store under; 0: none. */
  target = 0;
  storesDistance = false;

  constructor(form: Form, set: SortedSet | null) {
    this.form = form;
    this.set = set;
  }
}

interface Found {
  readonly member: Buffer;
  readonly score: number;
  /** Metres. */
  readonly distance: number;
}

const middle: Point = new Point();
const here: Point = new Point();
const element: Element = new Element();

/** An option was there, was not, or was wrong and the client has been told. */
type Reading = number | 'no' | 'wrong';

function search(call: Call, form: Form): void {
  const entry = call.read(form.key);
  const set = entry < 0 ? null : sortedSetOf(call, entry);
  if (entry >= 0 && set === null) return;
  const wish = new Search(form, set);
  const first = form.isOpen ? form.key + 1 : readFixed(call, wish);
  if (first < 0 || !readOptions(call, wish, first) || !isComplete(call, wish)) return;
  if (wish.count > 0 && wish.order === 0 && !wish.any) wish.order = 1;
  const found = set === null ? [] : findIn(set, wish);
  if (wish.order !== 0) sortFound(found, wish);
  const shown = wish.count > 0 ? found.slice(0, wish.count) : found;
  if (wish.target > 0) store(call, wish, shown);
  else replyFound(call, wish, shown);
}

/** The middle and the radius of GEORADIUS; where options begin, -1: wrong, and the client has been told. */
function readFixed(call: Call, wish: Search): number {
  const first = wish.form.byMember ? 5 : 6;
  if (wish.form.byMember) {
    // Without the key options are read all the same: STORE decides what is replied.
    if (wish.set === null) return first;
    if (!pointOf(call, wish.set, 2, middle)) {
      call.reply.error(NO_MEMBER);
      return -1;
    }
  } else if (!readPoint(call, 2, middle)) return -1;
  setMiddle(wish);
  return readRadius(call, wish, first - 2) ? first : -1;
}

function setMiddle(wish: Search): void {
  wish.area.longitude = middle.longitude;
  wish.area.latitude = middle.latitude;
  wish.hasMiddle = true;
}

function readRadius(call: Call, wish: Search, at: number): boolean {
  const radius = parseScore(call.bytes, call.start(at), call.end(at));
  if (Number.isNaN(radius) || radius < 0) {
    call.reply.error(radius < 0 ? RADIUS_NEGATIVE : NO_RADIUS);
    return false;
  }
  wish.area.radius = radius;
  return readUnitOf(call, wish, at + 1);
}

function readBox(call: Call, wish: Search, at: number): boolean {
  const width = parseScore(call.bytes, call.start(at), call.end(at));
  const height = parseScore(call.bytes, call.start(at + 1), call.end(at + 1));
  if (Number.isNaN(width) || Number.isNaN(height)) {
    call.reply.error(Number.isNaN(width) ? NO_WIDTH : NO_HEIGHT);
    return false;
  }
  if (width < 0 || height < 0) {
    call.reply.error(BOX_NEGATIVE);
    return false;
  }
  wish.area.isBox = true;
  wish.area.width = width;
  wish.area.height = height;
  return readUnitOf(call, wish, at + 2);
}

function readUnitOf(call: Call, wish: Search, at: number): boolean {
  const unit = readUnit(call, at);
  wish.area.unit = unit;
  wish.hasShape = true;
  return unit > 0;
}

function readOptions(call: Call, wish: Search, first: number): boolean {
  for (let i = first; i < call.argc; i++) {
    let taken: Reading = readWord(call, wish, i);
    if (taken === 'no') taken = readCount(call, wish, i);
    if (taken === 'no')
      taken = wish.form.isOpen ? readOpen(call, wish, i) : readStore(call, wish, i);
    if (taken === 'no') call.reply.error(SYNTAX);
    if (typeof taken !== 'number') return false;
    i += taken;
  }
  return true;
}

/** Options of one word. */
function readWord(call: Call, wish: Search, i: number): Reading {
  if (call.is(i, 'withdist')) wish.withDistance = true;
  else if (call.is(i, 'withhash')) wish.withHash = true;
  else if (call.is(i, 'withcoord')) wish.withPoint = true;
  else if (call.is(i, 'any')) wish.any = true;
  else if (call.is(i, 'asc')) wish.order = 1;
  else if (call.is(i, 'desc')) wish.order = -1;
  else return 'no';
  return 0;
}

function readCount(call: Call, wish: Search, i: number): Reading {
  if (i + 1 >= call.argc || !call.is(i, 'count')) return 'no';
  const count = call.count(i + 1);
  if (count === null || count <= 0) {
    call.reply.error(count === null ? NOT_INTEGER : COUNT_NOT_POSITIVE);
    return 'wrong';
  }
  wish.count = count;
  return 1;
}

function readStore(call: Call, wish: Search, i: number): Reading {
  if (i + 1 >= call.argc || !wish.form.mayStore) return 'no';
  const isDistance = call.is(i, 'storedist');
  if (!isDistance && !call.is(i, 'store')) return 'no';
  wish.target = i + 1;
  wish.storesDistance = isDistance;
  return 1;
}

/** Options of GEOSEARCH alone. */
function readOpen(call: Call, wish: Search, i: number): Reading {
  const behind = call.argc - i - 1;
  if (wish.form.mayStore && call.is(i, 'storedist')) {
    wish.storesDistance = true;
    return 0;
  }
  if (!wish.hasMiddle && behind >= 1 && call.is(i, 'frommember')) {
    if (wish.set !== null && !pointOf(call, wish.set, i + 1, middle)) {
      call.reply.error(NO_MEMBER);
      return 'wrong';
    }
    setMiddle(wish);
    return 1;
  }
  if (!wish.hasMiddle && behind >= 2 && call.is(i, 'fromlonlat')) {
    if (!readPoint(call, i + 1, middle)) return 'wrong';
    setMiddle(wish);
    return 2;
  }
  if (!wish.hasShape && behind >= 2 && call.is(i, 'byradius')) {
    return readRadius(call, wish, i + 1) ? 2 : 'wrong';
  }
  if (!wish.hasShape && behind >= 3 && call.is(i, 'bybox')) {
    return readBox(call, wish, i + 1) ? 3 : 'wrong';
  }
  return 'no';
}

/** False: options contradict one another, and the client has been told. */
function isComplete(call: Call, wish: Search): boolean {
  const { form } = wish;
  if (form.isOpen && form.mayStore) wish.target = 1;
  const shows = wish.withDistance || wish.withHash || wish.withPoint;
  let error: string | null = null;
  if (wish.target > 0 && shows) {
    const what = form.isOpen ? 'GEOSEARCHSTORE' : 'STORE option in GEORADIUS';
    error = `ERR ${what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`;
  } else if (form.isOpen && !wish.hasMiddle) {
    error = `ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ${call.text(0)}`;
  } else if (form.isOpen && !wish.hasShape) {
    error = `ERR exactly one of BYRADIUS and BYBOX can be specified for ${call.text(0)}`;
  } else if (wish.any && wish.count === 0) error = ANY_WITHOUT_COUNT;
  if (error !== null) call.reply.error(error);
  return error === null;
}

function sortFound(found: Found[], { order, count }: Search): void {
  const compare = (a: Found, b: Found): number => (a.distance - b.distance) * order;
  if (count > 0 && count < found.length) sortFirst(found, count, compare);
  else found.sort(compare);
}

function findIn(set: SortedSet, wish: Search): Found[] {
  const found: Found[] = [];
  const enough = wish.any ? wish.count : Infinity;
  for (const [first, behind] of wish.area.cells()) {
    if (found.length >= enough) break;
    let place = set.firstAbove(first, false);
    for (; place !== 0 && found.length < enough; place = set.next(place)) {
      const score = set.scoreAt(place);
      if (score >= behind) break;
      decode(score, here);
      const distance = wish.area.distanceTo(here.longitude, here.latitude);
      if (distance < 0) continue;
      set.read(place, element);
      const member = Buffer.from(element.bytes.subarray(element.start, element.end));
      found.push({ member, score, distance });
    }
  }
  return found;
}

function replyFound(call: Call, wish: Search, found: readonly Found[]): void {
  const { reply } = call;
  const options = Number(wish.withDistance) + Number(wish.withHash) + Number(wish.withPoint);
  reply.array(found.length);
  for (const { member, score, distance } of found) {
    if (options > 0) reply.array(options + 1);
    reply.bulk(member, 0, member.length);
    if (wish.withDistance) replyDistance(reply, distance / wish.area.unit);
    if (wish.withHash) reply.integer(Math.trunc(score));
    if (!wish.withPoint) continue;
    decode(score, here);
    replyPoint(reply, here);
  }
}

function store(call: Call, wish: Search, found: readonly Found[]): void {
  const result = new SortedSet(call.engine.arena, call.engine.settings);
  result.leavePack();
  for (const { member, score, distance } of found) {
    const value = wish.storesDistance ? distance / wish.area.unit : score;
    result.add(member, 0, member.length, value);
  }
  result.joinPack();
  const event = wish.form.isOpen ? 'geosearchstore' : 'georadiusstore';
  storeSortedSet(call, wish.target, result, event);
  if (found.length > 0) call.dirty = found.length;
}

function georadius(call: Call): void {
  search(call, RADIUS);
}

function georadiusRead(call: Call): void {
  search(call, RADIUS_READ);
}

function georadiusbymember(call: Call): void {
  search(call, MEMBER);
}

function georadiusbymemberRead(call: Call): void {
  search(call, MEMBER_READ);
}

function geosearch(call: Call): void {
  search(call, SEARCH);
}

function geosearchstore(call: Call): void {
  search(call, SEARCH_STORE);
}

export const GEO_SEARCH_COMMANDS: Readonly<Record<string, Handler>> = {
  georadius,
  georadius_ro: georadiusRead,
  georadiusbymember,
  georadiusbymember_ro: georadiusbymemberRead,
  geosearch,
  geosearchstore,
};
