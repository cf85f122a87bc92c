/** Unpacks what liblzf packed, the compression of RDB strings. http://oldhome.schmorp.de/marc/liblzf.html */

const LITERALS = 32;
/** Three bytes say 264 at most. */
const RATIO_MAX = 88;

/** Null: damaged, or not of this length. */
export function unpackLzf(packed: Uint8Array, length: number): Buffer | null {
  // What a damaged payload claims is not what is allocated for it.
  if (length > packed.length * RATIO_MAX) return null;
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  let to = 0;
  while (at < packed.length) {
    const control = packed[at++]!;
    if (control < LITERALS) {
      const end = at + control + 1;
      if (end > packed.length || to + control + 1 > length) return null;
      while (at < end) out[to++] = packed[at++]!;
      continue;
    }
    let size = control >> 5;
    if (size === 7) size += packed[at++] ?? 0;
    if (at >= packed.length) return null;
    let from = to - ((control & 0x1f) << 8) - packed[at++]! - 1;
    if (from < 0 || to + size + 2 > length) return null;
    // What is copied may be what is just being written.
    for (let i = 0; i < size + 2; i++) out[to++] = out[from++]!;
  }
  return to === length ? out : null;
}
