/** What a HyperLogLog says of itself: registers keep what they are given, and estimates are near the truth. */
import {
  DENSE_BYTES,
  denseRegister,
  EMPTY_HYPERLOGLOG,
  estimateOf,
  locate,
  place,
  REGISTERS,
  raiseDense,
  toDense,
} from './hyperloglog.ts';

const ELEMENTS = 100_000;
/** Six times the standard error of 16384 registers. */
const ERROR_MAX = 6 * (1.04 / Math.sqrt(REGISTERS));
const HIGHEST = 63;

/** What is wrong; null: nothing. */
export function testHyperLogLogs(): string | null {
  return testRegisters() ?? testEstimates();
}

function emptyDense(): Buffer {
  const bytes = Buffer.alloc(DENSE_BYTES);
  toDense(EMPTY_HYPERLOGLOG, 0, EMPTY_HYPERLOGLOG.length, bytes, 0);
  return bytes;
}

function testRegisters(): string | null {
  const bytes = emptyDense();
  const wanted = Array.from({ length: REGISTERS }, () => Math.floor(Math.random() * HIGHEST) + 1);
  for (const [index, run] of wanted.entries()) raiseDense(bytes, 0, index, run);
  const wrong = wanted.findIndex((run, index) => denseRegister(bytes, 0, index) !== run);
  return wrong < 0 ? null : `register ${wrong} is not what was written there`;
}

function testEstimates(): string | null {
  const bytes = emptyDense();
  const element = Buffer.alloc(8);
  let next = 1;
  for (let i = 1; i <= ELEMENTS; i++) {
    element.writeDoubleLE(i);
    locate(element, 0, element.length);
    raiseDense(bytes, 0, place.register, place.run);
    if (i < next) continue;
    const estimate = Number(estimateOf(bytes, 0, bytes.length));
    if (Math.abs(estimate - i) > Math.ceil(i * ERROR_MAX)) return `${estimate} for ${i} elements`;
    next *= 10;
  }
  return null;
}
