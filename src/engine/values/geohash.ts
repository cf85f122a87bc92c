/**
 * Places on earth as numbers of 52 bits, as Redis keeps them: 26 bits of latitude and 26 of longitude in turn, so that
 * what is near is often near in order (https://en.wikipedia.org/wiki/Geohash).
 *
 * A cell is where all places are whose first 2 × `step` bits are the same. Its bits are a number below 2^52.
 */
export const LONGITUDE_MAX = 180;
/** Of Web Mercator: a square map of the world ends here. */
export const LATITUDE_MAX = 85.05112878;
export const STEP_MAX = 26;

const STEPS: number = 2 ** STEP_MAX;
const HALF_BITS = 13;
const HALF_MASK = (1 << HALF_BITS) - 1;
const LETTERS = '0123456789bcdefghjkmnpqrstuvwxyz';
const LETTERS_OF_HASH = 11;
const BITS_OF_LETTER = 5;
const BITS = 52;
/** What becomes of a double that is too small for an integer of 64 bits; too great a one becomes 0. */
const INDEFINITE: bigint = 2n ** 63n;

/** Longitude and latitude, changed in place. */
export class Point {
  longitude = 0;
  latitude = 0;
}

/** The bits of a cell that a place is in. */
export function encode(longitude: number, latitude: number, step: number): number {
  return encodeBetween(longitude, latitude, LATITUDE_MAX, step);
}

function encodeBetween(longitude: number, latitude: number, top: number, step: number): number {
  const steps = 2 ** step;
  const x = ((longitude + LONGITUDE_MAX) / (LONGITUDE_MAX * 2)) * steps;
  const y = ((latitude + top) / (top * 2)) * steps;
  return interleave(Math.trunc(x), Math.trunc(y));
}

/** The middle of the smallest cell whose bits a score is. */
export function decode(score: number, point: Point): void {
  let x = 0;
  let y = 0;
  if (score >= 0 && score < 2 ** BITS) {
    const bits = Math.trunc(score);
    x = oddBits(bits);
    y = evenBits(bits);
  } else {
    // A score that is no place says something all the same.
    const bits = wholeOf(score);
    x = oddBigBits(bits >> 1n);
    y = oddBigBits(bits);
  }
  const longitude = middle(x, LONGITUDE_MAX);
  const latitude = middle(y, LATITUDE_MAX);
  point.longitude = Math.max(-LONGITUDE_MAX, Math.min(LONGITUDE_MAX, longitude));
  point.latitude = Math.max(-LATITUDE_MAX, Math.min(LATITUDE_MAX, latitude));
}

function middle(at: number, limit: number): number {
  return (edge(at, limit, STEPS) + edge(at + 1, limit, STEPS)) / 2;
}

/** Where the cell `at` of so many begins. */
function edge(at: number, limit: number, steps: number): number {
  return -limit + (at / steps) * (limit * 2);
}

function wholeOf(score: number): bigint {
  const isSmall = Math.abs(score) < 2 ** 63;
  if (isSmall) return BigInt.asUintN(64, BigInt(Math.trunc(score)));
  if (score >= 2 ** 64) return 0n;
  return score > 0 ? BigInt(score) : INDEFINITE;
}

/** Eleven letters, as other geohashes have them: there latitudes go from -90 to 90. */
export function letters(score: number): string {
  const point = new Point();
  decode(score, point);
  const bits = encodeBetween(point.longitude, point.latitude, 90, STEP_MAX);
  let text = '';
  for (let i = 0; i < LETTERS_OF_HASH; i++) {
    const shift = BITS - (i + 1) * BITS_OF_LETTER;
    // 52 bits are ten letters and two bits, which are left out.
    const letter = shift < 0 ? 0 : Math.floor(bits / 2 ** shift) % 32;
    text += LETTERS[letter];
  }
  return text;
}

/** The bits of `x` and `y`, 2^26 each at most, in turn; those of `y` lowest. */
export function interleave(x: number, y: number): number {
  const low = spread(y & HALF_MASK) | (spread(x & HALF_MASK) << 1);
  const high = spread(y >>> HALF_BITS) | (spread(x >>> HALF_BITS) << 1);
  return high * STEPS + low;
}

export function oddBits(bits: number): number {
  const high = Math.floor(bits / STEPS);
  const low = bits - high * STEPS;
  return (squeeze(high >>> 1) << HALF_BITS) | squeeze(low >>> 1);
}

export function evenBits(bits: number): number {
  const high = Math.floor(bits / STEPS);
  const low = bits - high * STEPS;
  return (squeeze(high) << HALF_BITS) | squeeze(low);
}

/** 16 bits with a 0 before each. */
function spread(value: number): number {
  let v = value;
  v = (v | (v << 8)) & 0x00ff00ff;
  v = (v | (v << 4)) & 0x0f0f0f0f;
  v = (v | (v << 2)) & 0x33333333;
  return (v | (v << 1)) & 0x55555555;
}

function squeeze(value: number): number {
  let v = value & 0x55555555;
  v = (v | (v >>> 1)) & 0x33333333;
  v = (v | (v >>> 2)) & 0x0f0f0f0f;
  v = (v | (v >>> 4)) & 0x00ff00ff;
  return (v | (v >>> 8)) & 0xffff;
}

function oddBigBits(bits: bigint): number {
  let result = 0;
  for (let i = 0n; i < 32n; i++) if (((bits >> (i * 2n)) & 1n) === 1n) result += 2 ** Number(i);
  return result;
}

/** Where a cell ends in each direction. */
export class Cell {
  west = 0;
  east = 0;
  south = 0;
  north = 0;

  constructor(bits: number, step: number) {
    const steps = 2 ** step;
    const x = oddBits(bits);
    const y = evenBits(bits);
    this.west = edge(x, LONGITUDE_MAX, steps);
    this.east = edge(x + 1, LONGITUDE_MAX, steps);
    this.south = edge(y, LATITUDE_MAX, steps);
    this.north = edge(y + 1, LATITUDE_MAX, steps);
  }
}

/** The bits of a neighbour of a cell; beyond the edge of the map, it begins again. */
export function neighbour(bits: number, step: number, dx: number, dy: number): number {
  const mask = 2 ** step - 1;
  const x = oddBits(bits);
  const y = evenBits(bits);
  // The cell itself may be one beyond the last, at the very edge, and stays so where it is not moved.
  return interleave(dx === 0 ? x : (x + dx) & mask, dy === 0 ? y : (y + dy) & mask);
}
