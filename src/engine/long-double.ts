/**
 * Sums of decimal fractions as Redis has them: C's `long double` of x86, 64 significant bits and an exponent of 15,
 * written with 17 digits behind the point. JavaScript has 53 bits, so whole numbers of any size do it here.
 */

/** `digits` times 2 to the `power`; infinite: `power` is. */
export interface LongDouble {
  readonly digits: bigint;
  readonly power: number;
}

const PRECISION = 64;
/** The last bit of the smallest number. */
const POWER_MIN = -16_445;
/** The first power of two that is too large. */
const TOO_LARGE = 16_384;
/** Powers of ten beyond these are out of range whatever the digits, and are not computed. */
const TENS_MAX = 5000;
/** Redis reads no longer text as a number. */
const TEXT_MAX = 5 * 1024;

const ZERO: LongDouble = { digits: 0n, power: 0 };

const DECIMAL = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i;
const HEXADECIMAL = /^([+-]?)0x([\da-f]*)\.?([\da-f]*)(?:p([+-]?\d+))?$/i;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/** The whole text as `strtold` reads it; null: it is no number, too large, or too small to differ from 0. */
export function parseLongDouble(text: string): LongDouble | null {
  if (text.length >= TEXT_MAX) return null;
  const [, sign, whole = '', fraction = '', exponent = '0'] = DECIMAL.exec(text) ?? [];
  if (sign !== undefined) {
    return whole + fraction === '' ? null : signed(sign, decimal(whole, fraction, exponent));
  }
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return signed(infinite[1]!, { digits: 1n, power: Infinity });
  const match = HEXADECIMAL.exec(text);
  if (match === null || match[2]! + match[3]! === '') return null;
  const power = Number(match[4] ?? 0) - match[3]!.length * 4;
  return signed(match[1]!, checked(BigInt(`0x${match[2]}${match[3]}`), power));
}

function signed(sign: string, value: LongDouble | null): LongDouble | null {
  return value === null || sign !== '-' ? value : { digits: -value.digits, power: value.power };
}

function decimal(whole: string, fraction: string, exponent: string): LongDouble | null {
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return ZERO;
  const tens = Number(exponent) - fraction.length;
  const size = tens + String(digits).length;
  if (size > TENS_MAX || size < -TENS_MAX) return null;
  const value =
    tens >= 0 ? round(digits * 10n ** BigInt(tens), 1n) : round(digits, 10n ** BigInt(-tens));
  return hasSize(value) && value.digits !== 0n ? value : null;
}

function checked(digits: bigint, power: number): LongDouble | null {
  if (digits === 0n) return ZERO;
  if (Math.abs(power) > TOO_LARGE * 2 + TEXT_MAX * 4) return null;
  const value = ofPower(digits, power);
  return hasSize(value) && value.digits !== 0n ? value : null;
}

export function hasSize(value: LongDouble): boolean {
  return value.power !== Infinity;
}

/** Infinite too where the sum is no number. */
export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble {
  if (!hasSize(a)) return a;
  if (!hasSize(b)) return b;
  const power = Math.min(a.power, b.power);
  const sum = (a.digits << BigInt(a.power - power)) + (b.digits << BigInt(b.power - power));
  if (sum === 0n) return ZERO;
  const value = ofPower(sum < 0n ? -sum : sum, power);
  return sum < 0n ? { digits: -value.digits, power: value.power } : value;
}

function ofPower(digits: bigint, power: number): LongDouble {
  return power >= 0 ? round(digits << BigInt(power), 1n) : round(digits, 1n << BigInt(-power));
}

/** The nearest number to a positive ratio; of two, the even one. */
function round(numerator: bigint, denominator: bigint): LongDouble {
  const size = bitsOf(numerator) - bitsOf(denominator);
  let power = Math.max(size - PRECISION, POWER_MIN);
  let digits = divide(numerator, denominator, power);
  if (bitsOf(digits) > PRECISION) digits = divide(numerator, denominator, ++power);
  if (bitsOf(digits) + power > TOO_LARGE) return { digits: 1n, power: Infinity };
  return { digits, power };
}

/** `numerator / denominator / 2 ** power`, rounded to the nearest, of two to the even one. */
function divide(numerator: bigint, denominator: bigint, power: number): bigint {
  const above = power < 0 ? numerator << BigInt(-power) : numerator;
  const below = power > 0 ? denominator << BigInt(power) : denominator;
  const quotient = above / below;
  const twice = (above - quotient * below) * 2n;
  if (twice < below || (twice === below && (quotient & 1n) === 0n)) return quotient;
  return quotient + 1n;
}

function bitsOf(value: bigint): number {
  if (value === 0n) return 0;
  const text = value.toString(16);
  return text.length * 4 - Math.clz32(Number.parseInt(text[0]!, 16)) + 28;
}

const FRACTION = 17;
const SCALE = 10n ** BigInt(FRACTION);

/** With 17 digits behind the point and no needless zero, as `%.17Lf` rounds them. */
export function longDoubleText({ digits, power }: LongDouble): string {
  const size = digits < 0n ? -digits : digits;
  const scaled = divide(size * SCALE, 1n, -power);
  const text = String(scaled).padStart(FRACTION + 1, '0');
  const whole = text.slice(0, -FRACTION);
  const fraction = text.slice(-FRACTION).replace(/0+$/, '');
  const written = fraction === '' ? whole : `${whole}.${fraction}`;
  return digits < 0n && written !== '0' ? `-${written}` : written;
}
