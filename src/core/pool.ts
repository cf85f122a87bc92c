/**
 * Buffers used again and again, in four sizes. Fresh memory costs a page fault per 4 KiB on first touch,
 * more than the copy into it; and a client that waits should hold no buffer at all.
 */

/** Each four times the one before. */
const SIZES: readonly number[] = [16 * 1024, 64 * 1024, 256 * 1024, 1024 * 1024];
/** Free buffers kept per size: 20 MiB in all at most. */
const FREE_MAX: readonly number[] = [512, 64, 16, 4];
const free: readonly Buffer[][] = SIZES.map(() => []);

export const SMALLEST_BYTES: number = SIZES[0]!;
/** Larger buffers are made for the purpose and left to the collector. */
export const LARGEST_BYTES: number = SIZES[SIZES.length - 1]!;

/** A buffer of at least `size` bytes, holding whatever was in it before. */
export function borrow(size: number): Buffer {
  for (let i = 0; i < SIZES.length; i++) {
    if (size <= SIZES[i]!) return free[i]!.pop() ?? Buffer.allocUnsafeSlow(SIZES[i]!);
  }
  return Buffer.allocUnsafeSlow(size);
}

/** The caller keeps no view of it. A buffer that is not of a pooled size is simply dropped. */
export function giveBack(buffer: Buffer): void {
  const index = SIZES.indexOf(buffer.length);
  if (index >= 0 && free[index]!.length < FREE_MAX[index]!) free[index]!.push(buffer);
}
