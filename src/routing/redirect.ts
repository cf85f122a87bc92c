/**
 * The one place that decides whether a command goes out a second time, and where to.
 *
 * After a lost connection only reads do: nobody can tell whether a write was done. A time-out is never mended, it
 * has used up the client's patience; nor a read behind which its client already wrote: run now, it would see what
 * did not exist when it was asked.
 *
 * After an error of a node anything may, a write too: by such an error the server says that it did not
 * run the command. Scripts can say whatever they like after they have written, so theirs are believed only in the
 * server's very words.
 */
import type { CommandSpec } from '../commands/spec.ts';
import type { LinkError } from '../resp/errors.ts';
import type { Orphan } from '../upstream/orphan.ts';

export interface RetryPolicy {
  /** Second sendings of a read; 0: none. */
  readonly reads: number;
  readonly backoffMs: number;
}

export interface RedirectPolicy {
  /** Sendings after the first that errors may lead to. */
  readonly redirectsMax: number;
  /** From the first sending; 0: no limit. */
  readonly opTimeoutMs: number;
}

export type RefusalKind =
  | 'moved'
  | 'ask'
  | 'tryagain'
  | 'clusterdown'
  | 'loading'
  | 'masterdown'
  | 'readonly';

/** What an error says that is no answer but a hint where, or when, to ask. */
export interface Hint {
  readonly kind: RefusalKind;
  /** Of `moved` and `ask`; else -1. */
  readonly slot: number;
  /** Of `moved` and `ask`; empty: the host that said so. */
  readonly host: string;
  readonly port: number;
}

/** A command that a server refused. */
export interface Refused {
  readonly hint: Hint;
  /** Sendings after the first so far, because of such errors. */
  readonly redirects: number;
  /** Since the first sending. */
  readonly ageMs: number;
  /** The server named has refused it before: two nodes disagree, and a moment will settle it. */
  readonly isCircle: boolean;
}

/**
 * - `fail`: the client gets what there is, the error or the failure
 * - `retry`: once more to the same place
 * - `follow`, `ask`: to the server named, with ASKING in the second case
 * - `wait`: later, to whoever has the slot then
 */
export type Decision = 'fail' | 'retry' | 'follow' | 'ask' | 'wait';

export function decide(orphan: Orphan, outcome: LinkError, policy: RetryPolicy): Decision;
export function decide(orphan: null, outcome: Refused, policy: RedirectPolicy): Decision;
export function decide(
  orphan: Orphan | null,
  outcome: LinkError | Refused,
  policy: RetryPolicy | RedirectPolicy,
): Decision {
  if ('hint' in outcome) return decideRefused(outcome, policy as RedirectPolicy);
  return decideLost(orphan!, outcome, policy as RetryPolicy);
}

function decideLost(orphan: Orphan, error: LinkError, policy: RetryPolicy): Decision {
  if (error.code !== 'closed') return 'fail';
  if (!orphan.spec.isRead || orphan.answered || orphan.overtaken) return 'fail';
  return orphan.attempt < policy.reads ? 'retry' : 'fail';
}

function decideRefused(refused: Refused, policy: RedirectPolicy): Decision {
  const { hint, redirects, ageMs, isCircle } = refused;
  if (redirects >= policy.redirectsMax) return 'fail';
  const remainingMs = policy.opTimeoutMs === 0 ? Infinity : policy.opTimeoutMs - ageMs;
  if (remainingMs <= 0) return 'fail';
  if (hint.kind === 'ask') return 'ask';
  if (hint.kind === 'moved' && !isCircle) return 'follow';
  return pauseMs(redirects) < remainingMs ? 'wait' : 'fail';
}

const PAUSE_MS_MIN = 10;
const PAUSE_MS_MAX = 270;

/** 10, 30, 90, 270, 270 ms: five of them last two thirds of a second. */
export function pauseMs(redirects: number): number {
  return Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 3 ** redirects);
}

/** First letters of all such errors: what is looked at before anything is read. */
const INITIALS: ReadonlySet<number> = new Set(Buffer.from('MATCLR', 'latin1'));
const WORDS: Readonly<Record<string, RefusalKind>> = {
  MOVED: 'moved',
  ASK: 'ask',
  TRYAGAIN: 'tryagain',
  CLUSTERDOWN: 'clusterdown',
  LOADING: 'loading',
  MASTERDOWN: 'masterdown',
  READONLY: 'readonly',
};
const LONGEST_WORD = 'CLUSTERDOWN'.length;

/** The error may be a hint; `bytes[start]` is its type byte. Cheap, for errors are many where a client makes them. */
export function mayHint(bytes: Buffer, start: number, end: number): boolean {
  return wordOf(bytes, start, end) !== null;
}

/** Of those, what a server says that is no node of a cluster: it starts, it replicates, it has lost its primary. */
export function mayHintAlone(bytes: Buffer, start: number, end: number): boolean {
  const kind = wordOf(bytes, start, end);
  return kind === 'readonly' || kind === 'loading' || kind === 'masterdown';
}

function wordOf(bytes: Buffer, start: number, end: number): RefusalKind | null {
  if (!INITIALS.has(bytes[start + 1]!)) return null;
  const head = bytes.toString('latin1', start + 1, Math.min(end, start + 2 + LONGEST_WORD));
  const blank = head.indexOf(' ');
  const word = head.slice(0, blank);
  return blank > 0 && Object.hasOwn(WORDS, word) ? WORDS[word]! : null;
}

/** The servers' own sentences: all that is believed of a script. */
const SENTENCES: Readonly<Record<RefusalKind, RegExp>> = {
  moved: /^/,
  ask: /^/,
  tryagain: /^TRYAGAIN Multiple keys request during rehashing of slot$/,
  clusterdown:
    /^CLUSTERDOWN (The cluster is down( and only accepts read commands)?|Hash slot not served)$/,
  loading: /^LOADING \w+ is loading the dataset in memory$/,
  masterdown: /^MASTERDOWN Link with \w+ is down and replica-serve-stale-data is set to 'no'\.$/,
  // From within a script it ends with the place there, since Redis 7.
  readonly: /^READONLY You can't write against a read only replica\.( script: \S+, on \S+\.)?$/,
};
const TARGET = /^(?:MOVED|ASK) (\d{1,5}) (\S*):(\d{1,5})$/;
const SLOT_MAX = 16_383;
const PORT_MAX = 65_535;

/** Null: an error like any other. */
export function readHint(text: string, spec: CommandSpec): Hint | null {
  const blank = text.indexOf(' ');
  const word = text.slice(0, blank);
  if (blank < 0 || !Object.hasOwn(WORDS, word)) return null;
  const kind = WORDS[word]!;
  if (kind !== 'moved' && kind !== 'ask') {
    if (spec.group === 'scripting' && !SENTENCES[kind].test(text)) return null;
    return { kind, slot: -1, host: '', port: 0 };
  }
  const match = TARGET.exec(text);
  if (match === null) return null;
  const slot = Number(match[1]);
  const port = Number(match[3]);
  if (slot > SLOT_MAX || port === 0 || port > PORT_MAX) return null;
  const host = match[2]!;
  return { kind, slot, host: host === '?' ? '' : host.replace(/^\[(.*)\]$/, '$1'), port };
}
