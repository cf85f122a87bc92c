/**
 * Sine, cosine and arcsine rounded as a good C library rounds them: JavaScript's own may be wrong in the last digit, which is
 * seen where distances are stored. Computed with twice the digits, so they take some ten times as long.
 */

/** Splits 53 bits in halves whose products are exact (Dekker 1971). */
const SPLITTER = 2 ** 27 + 1;
/** Nearer to 1 the step would be no better than what it starts from. */
const COSINE_MIN = 2 ** -12;
/** Terms beyond are less than the last digit of both parts. */
const NEGLIGIBLE = 2 ** -110;

/** A number in two parts, the second less than the last digit of the first. */
let high = 0;
let low = 0;

/** Of an angle of half a turn at most. */
export function sine(y: number): number {
  if (y !== 0) series(y, 2, y);
  return y === 0 ? y : high;
}

/** Of an angle of half a turn at most. */
export function cosine(y: number): number {
  series(1, 1, y);
  return high;
}

/** By one step of Newton. */
export function arcsine(x: number): number {
  const y = Math.asin(x);
  const slope = Math.cos(y);
  if (y === 0 || slope < COSINE_MIN) return y;
  series(y, 2, y);
  return y + (x - high - low) / slope;
}

/** Into `high` and `low`: a sum whose first term is given, and each next one -y²/n(n+1) of the last; n goes up by 2. */
function series(first: number, from: number, y: number): void {
  multiply(y, 0, y, 0);
  const squareHigh = high;
  const squareLow = low;
  let termHigh = first;
  let termLow = 0;
  let sumHigh = first;
  let sumLow = 0;
  for (let n = from; Math.abs(termHigh) > NEGLIGIBLE * Math.abs(first); n += 2) {
    multiply(termHigh, termLow, squareHigh, squareLow);
    divide(high, low, -n * (n + 1));
    termHigh = high;
    termLow = low;
    add(sumHigh, sumLow, termHigh, termLow);
    sumHigh = high;
    sumLow = low;
  }
  high = sumHigh;
  low = sumLow;
}

function add(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  const sum = aHigh + bHigh;
  const part = sum - aHigh;
  const rest = aHigh - (sum - part) + (bHigh - part) + aLow + bLow;
  high = sum + rest;
  low = rest - (high - sum);
}

function multiply(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  const product = aHigh * bHigh;
  const rest = lostBy(aHigh, bHigh, product) + aHigh * bLow + aLow * bHigh;
  high = product + rest;
  low = rest - (high - product);
}

/** By a whole number. */
function divide(aHigh: number, aLow: number, divisor: number): void {
  const quotient = aHigh / divisor;
  const product = quotient * divisor;
  const rest = (aHigh - product - lostBy(quotient, divisor, product) + aLow) / divisor;
  high = quotient + rest;
  low = rest - (high - quotient);
}

/** What a product lost when it was rounded. */
function lostBy(a: number, b: number, product: number): number {
  const aScaled = SPLITTER * a;
  const aHigh = aScaled - (aScaled - a);
  const aLow = a - aHigh;
  const bScaled = SPLITTER * b;
  const bHigh = bScaled - (bScaled - b);
  const bLow = b - bHigh;
  return aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
}
