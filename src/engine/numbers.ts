/** Numbers as Redis reads and writes them: 64-bit integers, doubles, long doubles. */

const HYPHEN = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
/** Digits of which every number is safe. */
const SAFE_DIGITS = 15;
const INTEGER_LENGTH_MAX = 20;
export const INT64_MAX: bigint = 2n ** 63n - 1n;
export const INT64_MIN: bigint = -(2n ** 63n);

/**
 * A 64-bit integer in its one canonical form (no plus, no leading zero, no blank), as Redis's string2ll: a number if
 * it is safe, else a bigint; null: it is none.
 */
export function parseInteger(
  bytes: Uint8Array,
  start: number,
  end: number,
): number | bigint | null {
  const length = end - start;
  if (length === 0 || length > INTEGER_LENGTH_MAX) return null;
  const isNegative = bytes[start] === HYPHEN;
  const first = isNegative ? start + 1 : start;
  if (first === end) return null;
  if (bytes[first] === ZERO) return length === 1 ? 0 : null;
  let value = 0;
  for (let at = first; at < end; at++) {
    const digit = bytes[at]!;
    if (digit < ZERO || digit > NINE) return null;
    value = value * 10 + (digit - ZERO);
  }
  if (end - first <= SAFE_DIGITS) return isNegative ? -value : value;
  return parseBig(bytes, start, end);
}

function parseBig(bytes: Uint8Array, start: number, end: number): number | bigint | null {
  let text = '';
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!);
  const value = BigInt(text);
  if (value > INT64_MAX || value < INT64_MIN) return null;
  return narrow(value);
}

/** The plainest form: a number where it is safe. */
export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The sum of two 64-bit integers; null: it does not fit. */
export function addIntegers(a: number | bigint, b: number | bigint): number | bigint | null {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  const sum = BigInt(a) + BigInt(b);
  return sum > INT64_MAX || sum < INT64_MIN ? null : narrow(sum);
}

/**
 * A double as Redis reads one (`strtod` over the whole of it): decimal, hexadecimal, `inf`, `infinity` in any case; no
 * blank before or after, no `nan`. null: it is none.
 */
export function parseDouble(text: string): number | null {
  if (DECIMAL.test(text)) return Number(text);
  const match = INFINITE.exec(text);
  if (match !== null) return match[1] === '-' ? -Infinity : Infinity;
  return parseHexadecimal(text);
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;
const HEXADECIMAL = /^([+-]?)0x([\da-f]*)(?:\.([\da-f]*))?(?:p([+-]?\d+))?$/i;

function parseHexadecimal(text: string): number | null {
  const match = HEXADECIMAL.exec(text);
  if (match === null) return null;
  const whole = match[2] ?? '';
  const fraction = match[3] ?? '';
  if (whole.length + fraction.length === 0) return null;
  let value = 0;
  for (const digit of whole + fraction) value = value * 16 + Number.parseInt(digit, 16);
  const power = Number(match[4] ?? 0) - fraction.length * 4;
  const signed = match[1] === '-' ? -value : value;
  return signed * 2 ** power;
}

/** Significant digits, and from which power of ten on an exponent is written. */
const DIGITS = 17;
const EXPONENT_MIN = -4;

/** A double as Redis 7.0 writes one: `%.17g` (later versions write the shortest digits that read back the same). */
export function doubleText(value: number): string {
  if (Number.isSafeInteger(value)) return Object.is(value, -0) ? '-0' : String(value);
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  if (Number.isNaN(value)) return 'nan';
  const [digits = '', power = '0'] = roundedToEven(value).split('e');
  const exponent = Number(power);
  if (exponent < EXPONENT_MIN || exponent >= DIGITS) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${withoutZeros(digits)}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  return withoutZeros(shifted(digits, exponent));
}

/** JavaScript rounds what lies in the middle away from zero, C to the even digit. */
function roundedToEven(value: number): string {
  const text = value.toExponential(DIGITS - 1);
  const exponent = Number(text.slice(text.indexOf('e') + 1));
  if (!mayBeMiddle(value, exponent) && !mayBeMiddle(value, exponent - 1)) return text;
  const longer = value.toExponential(DIGITS);
  if (!/5e/.test(longer)) return text;
  const [digits = '', power] = value.toExponential(EXACT_DIGITS).split('e');
  const head = digits.length - (EXACT_DIGITS - DIGITS + 1);
  const isMiddle = /^50*$/.test(digits.slice(head));
  const isEven = Number(digits[head - 1]) % 2 === 0;
  return isMiddle && isEven ? `${digits.slice(0, head)}e${power}` : text;
}

/**
 * In the middle between two numbers of 17 digits, the first of them 10^exponent, is only what has one decimal more: what is an
 * odd number of so many halves of halves.
 */
function mayBeMiddle(value: number, exponent: number): boolean {
  const halves = value * 2 ** (DIGITS - exponent);
  return Number.isInteger(halves) && halves % 2 !== 0;
}

/** More than any middle has. */
const EXACT_DIGITS = 100;

/** `d.ddd` times ten to the `exponent`, written out. */
function shifted(digits: string, exponent: number): string {
  const sign = digits.startsWith('-') ? '-' : '';
  const all = digits.replace('-', '').replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${all}`;
  const whole = all.slice(0, exponent + 1);
  const fraction = all.slice(exponent + 1);
  return fraction === '' ? `${sign}${whole}` : `${sign}${whole}.${fraction}`;
}

function withoutZeros(digits: string): string {
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
}
