/** Addresses as people write them: `host:port`, `[v6]:port`, `unix:/path`; servers add `=weight`. */
import { isIPv6 } from 'node:net';
import type { Address } from './config.ts';

export interface ParsedServer {
  readonly address: Address;
  readonly weight: number;
}

const PORT_MAX = 65_535;
const WEIGHT_MAX = 1_000_000;
/** `sun_path` of Linux holds 108 bytes, the closing zero included. */
const UNIX_PATH_BYTES_MAX = 107;

/** Null: not an address. `folder` is what a relative socket path starts from. */
export function parseAddress(text: string, folder: string, portMin: 0 | 1): Address | null {
  if (text.startsWith('unix:')) return parseUnix(text, folder);
  const match = /^(?:\[([^\]\s]+)\]|([^:[\]\s/=]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const port = Number(match[3]);
  if (port < portMin || port > PORT_MAX) return null;
  if (match[1] !== undefined && !isIPv6(match[1])) return null;
  return { kind: 'tcp', host: match[1] ?? match[2]!, port, text };
}

/** Null: not a server. Weight 1 unless written. */
export function parseServer(text: string, folder: string): ParsedServer | null {
  const match = /^(.*[^=])=(\d+)$/.exec(text);
  const weight = match === null ? 1 : Number(match[2]);
  if (weight < 1 || weight > WEIGHT_MAX) return null;
  const address = parseAddress(match === null ? text : match[1]!, folder, 1);
  return address === null ? null : { address, weight };
}

/** One text per place, whatever way it was written: for finding duplicates. */
export function canonicalAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const host = address.host.toLowerCase();
  return host.includes(':') ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}

/** Only this machine can reach it. */
export function isLoopback(address: Address): boolean {
  if (address.kind === 'unix') return true;
  const host = address.host.toLowerCase();
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function parseUnix(text: string, folder: string): Address | null {
  const written = text.slice('unix:'.length);
  if (written === '' || written.includes('\0')) return null;
  const path = written.startsWith('/') ? written : `${folder}/${written}`;
  if (Buffer.byteLength(path) > UNIX_PATH_BYTES_MAX) return null;
  return { kind: 'unix', path, text };
}
