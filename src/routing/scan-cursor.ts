/**
 * One cursor for SCAN over several servers: the server's own cursor times 1024, plus the number of the server.
 *
 *   0 ─▶ server 0, cursor 0 ─▶ … ─▶ server 0 is through: 1 = server 1, cursor 0 ─▶ … ─▶ last is through: 0
 *
 * Nothing is remembered here, so a cursor is good on every connection and every worker, as long as the servers
 * are the same. It is a plain number as small as may be, for some clients keep it in 53 bits: a server's cursor is
 * a bucket of its table, less than the number of its keys rounded up to a power of two (a cluster node may
 * put the slot, 14 bits, behind that). Redis counts buckets with the bits reversed, but only those the table has.
 */

/** Servers that a cursor can tell apart. */
export const SCANNED_SERVERS_MAX = 1024;

const STRIDE = BigInt(SCANNED_SERVERS_MAX);
/** Beyond that it would not fit the signed 64 bits in which many clients keep it. */
const CURSOR_MAX = 2n ** 63n - 1n;
const DIGITS_MAX = 19;

export interface ScanPlace {
  readonly server: number;
  /** In the server's own digits. */
  readonly cursor: string;
}

/** Null: no cursor this gateway has given out. */
export function unpackCursor(text: string): ScanPlace | null {
  if (!/^\d+$/.test(text) || text.length > DIGITS_MAX) return null;
  const packed = BigInt(text);
  if (packed > CURSOR_MAX) return null;
  return { server: Number(packed % STRIDE), cursor: String(packed / STRIDE) };
}

/** The place after a reply of `server`; null: its cursor is no number, or leaves no room for the server's. */
export function packCursor(server: number, cursor: string, servers: number): string | null {
  if (!/^\d{1,20}$/.test(cursor)) return null;
  if (BigInt(cursor) === 0n) return server + 1 < servers ? String(server + 1) : '0';
  const packed = BigInt(cursor) * STRIDE + BigInt(server);
  return packed > CURSOR_MAX ? null : String(packed);
}
