/**
 * Scripts that clients sent to the servers of one upstream, by their SHA1: what a server that has lost one is
 * given again.
 *
 *   EVAL source, SCRIPT LOAD source ─▶ remember ─▶ found by digest, within limits; the one used longest ago leaves
 *   SCRIPT FLUSH ─▶ forgetAll: from then on clients see what the servers have
 *
 * The digest is computed once per script, not per EVAL: a script that comes again is known by its bytes.
 */
import { hash } from 'node:crypto';
import { scriptLoad } from '../commands/own.ts';

/** Scripts of one upstream. People have some dozens; who writes values into them has no end of them. */
const SCRIPTS_MAX = 4096;
/** Bytes of all of them. */
const BYTES_MAX = 16 * 1024 * 1024;
/** A longer one is not kept: its own client will send it again. */
const SCRIPT_BYTES_MAX = 1024 * 1024;
/** Digest in hexadecimal digits. */
const DIGEST_LENGTH = 40;
/** So many bytes of a script decide where it is looked for; the rest is compared. */
const SAMPLES = 8;

export interface Script {
  /** SHA1 in lower case. */
  readonly digest: string;
  readonly digestBytes: Buffer;
  readonly source: Buffer;
  /** The command that gives it to a server. */
  readonly load: Buffer;
  readonly shape: number;
  /** Other workers have been told. */
  isShared: boolean;
}

/** Who else is told: the other workers. */
export interface ScriptsPeers {
  onLoaded(source: Buffer): void;
  onFlushed(): void;
}

export class Scripts {
  /** Times that all were forgotten. What servers were known to have before says nothing any more. */
  flushes = 0;
  /** Told of what clients load or flush here. */
  peers: ScriptsPeers | null = null;
  /** The one used last is at the end. */
  readonly #byDigest: Map<string, Script> = new Map();
  /** One of those whose digests begin alike. */
  readonly #byHead: Map<number, Script> = new Map();
  /** One of those that look alike. */
  readonly #byShape: Map<number, Script> = new Map();
  #newest: Script | null = null;
  #bytes = 0;
  #isFlushTold = false;

  get count(): number {
    return this.#byDigest.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Null: not known. */
  find(digest: string): Script | null {
    const bytes = Buffer.from(digest, 'latin1');
    return this.findAt(bytes, 0, bytes.length);
  }

  /** The same where the digest is `bytes[start, end)`; on the path of every EVALSHA, and without a string for it. */
  findAt(bytes: Buffer, start: number, end: number): Script | null {
    if (end - start !== DIGEST_LENGTH) return null;
    const near = this.#byHead.get(headOf(bytes, start));
    if (near === undefined) return null;
    const script = isDigestAt(near.digestBytes, bytes, start)
      ? near
      : this.#byDigest.get(bytes.toString('latin1', start, end).toLowerCase());
    if (script === undefined) return null;
    this.#touch(script);
    return script;
  }

  /** Keeps a copy of `bytes[start, end)`; null: it is too long. */
  remember(bytes: Buffer, start: number, end: number): Script | null {
    const size = end - start;
    if (size > SCRIPT_BYTES_MAX) return null;
    const shape = shapeOf(bytes, start, end);
    const known = this.#byShape.get(shape);
    if (known?.source.length === size && known.source.compare(bytes, start, end) === 0) {
      this.#touch(known);
      return known;
    }
    const digest = hash('sha1', bytes.subarray(start, end));
    const alike = this.#byDigest.get(digest);
    if (alike !== undefined) {
      this.#byShape.set(shape, alike);
      this.#touch(alike);
      return alike;
    }
    return this.#add(digest, bytes.subarray(start, end), shape);
  }

  /** A client had all servers load it. */
  load(bytes: Buffer, start: number, end: number): void {
    const script = this.remember(bytes, start, end);
    if (script === null || script.isShared) return;
    script.isShared = true;
    this.peers?.onLoaded(script.source);
  }

  /** Another worker's client did. */
  hear(source: Buffer): void {
    const script = this.remember(source, 0, source.length);
    if (script !== null) script.isShared = true;
  }

  /** A client had all servers forget theirs: it is told so once per server, and the others once. */
  flush(): void {
    this.forgetAll();
    if (this.#isFlushTold) return;
    this.#isFlushTold = true;
    queueMicrotask(() => {
      this.#isFlushTold = false;
    });
    this.peers?.onFlushed();
  }

  forgetAll(): void {
    this.flushes++;
    this.#byDigest.clear();
    this.#byHead.clear();
    this.#byShape.clear();
    this.#newest = null;
    this.#bytes = 0;
  }

  #add(digest: string, source: Buffer, shape: number): Script {
    const frame = scriptLoad(source);
    // Memory of its own: a part of a larger piece would keep the piece.
    const load = Buffer.allocUnsafeSlow(frame.length);
    frame.copy(load);
    const end = load.length - LINE_END_BYTES;
    const own = load.subarray(end - source.length, end);
    const digestBytes = Buffer.from(digest, 'latin1');
    const script: Script = { digest, digestBytes, source: own, load, shape, isShared: false };
    this.#byHead.set(headOf(digestBytes, 0), script);
    this.#byDigest.set(digest, script);
    this.#byShape.set(shape, script);
    this.#newest = script;
    this.#bytes += load.length;
    for (const oldest of this.#byDigest.values()) {
      if (this.#byDigest.size <= SCRIPTS_MAX && this.#bytes <= BYTES_MAX) break;
      this.#drop(oldest);
    }
    return script;
  }

  #drop(script: Script): void {
    this.#byDigest.delete(script.digest);
    const head = headOf(script.digestBytes, 0);
    if (this.#byHead.get(head) === script) this.#byHead.delete(head);
    if (this.#byShape.get(script.shape) === script) this.#byShape.delete(script.shape);
    this.#bytes -= script.load.length;
  }

  #touch(script: Script): void {
    if (script === this.#newest) return;
    this.#byDigest.delete(script.digest);
    this.#byDigest.set(script.digest, script);
    this.#newest = script;
  }
}

const LINE_END_BYTES = 2;
/** What a capital letter lacks. */
const CASE_BIT = 0x20;
const LETTER_A = 'A'.charCodeAt(0);

/** Of the first eight digits, in either case; two digests with the same one are as rare as 2^32 is large. */
function headOf(bytes: Buffer, start: number): number {
  let head = 0;
  for (let i = start; i < start + 8; i++) head = (head << 4) ^ (bytes[i]! | CASE_BIT);
  return head;
}

function isDigestAt(digest: Buffer, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < DIGEST_LENGTH; i++) {
    const byte = bytes[start + i]!;
    if ((byte >= LETTER_A ? byte | CASE_BIT : byte) !== digest[i]) return false;
  }
  return true;
}

/** Length and some bytes, spread over the whole. */
function shapeOf(bytes: Buffer, start: number, end: number): number {
  const size = end - start;
  let shape = size;
  for (let i = 1; i <= SAMPLES; i++) {
    const at = start + Math.floor((size * i) / (SAMPLES + 1));
    shape = (Math.imul(shape, 31) + (at < end ? bytes[at]! : 0)) | 0;
  }
  return shape;
}

/** The scripts of each upstream of a worker, by its name: they outlive a reload. */
export class ScriptShelves {
  readonly #shelves: Map<string, Scripts> = new Map();
  readonly #peersOf: (upstream: string) => ScriptsPeers | null;

  constructor(peersOf: (upstream: string) => ScriptsPeers | null) {
    this.#peersOf = peersOf;
  }

  of(upstream: string): Scripts {
    let scripts = this.#shelves.get(upstream);
    if (scripts === undefined) {
      scripts = new Scripts();
      scripts.peers = this.#peersOf(upstream);
      this.#shelves.set(upstream, scripts);
    }
    return scripts;
  }

  /** What another worker says; null: all were flushed. */
  hear(upstream: string, source: Buffer | null): void {
    const scripts = this.#shelves.get(upstream);
    if (source === null) scripts?.forgetAll();
    else scripts?.hear(source);
  }

  /** Others are no upstreams any more. */
  retain(upstreams: ReadonlySet<string>): void {
    for (const name of this.#shelves.keys()) if (!upstreams.has(name)) this.#shelves.delete(name);
  }
}
