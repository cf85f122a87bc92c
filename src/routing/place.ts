/** Where a command on a connection that is lent belongs, and how a borrower follows keys that move. */
import type { Backend, Refusal } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import type { Mirror } from './route.ts';

export interface Place {
  readonly server: Backend;
  /** What it looks like there. */
  readonly command: Command;
  /** Of its keys, where they lie in slots; else -1. */
  readonly slot: number;
  /** Set where keys may move while a connection is lent. */
  readonly following: Following | null;
  /** Who gets a copy. */
  readonly mirrors: readonly Mirror[];
}

export interface Placer {
  /** `current` is the server already chosen: what names no key goes there. */
  place(command: Command, current: Backend | null): Place | Refusal;
}

/** What a group whose keys may move does for those who have borrowed from it. */
export interface Following {
  /** Bounds what all borrowers together keep. */
  readonly luggage: { count: number; bytes: number; hasRoomFor(size: number): boolean };
  /** Who has the slot now; null: nobody known. */
  ownerOf(slot: number): Backend | null;
  /** A command was refused on a connection that is lent: where it goes on; null: nowhere, the error is the answer. */
  onward(refused: RefusedLent): Onward | null;
}

export interface RefusedLent {
  readonly by: Backend;
  readonly command: Command;
  /** The error without its `-`. */
  readonly text: string;
  /** It was sent behind ASKING. */
  readonly isAsking: boolean;
  /** Times that the borrower has gone on before with what it has under way. */
  readonly redirects: number;
  /** Since the first of them. */
  readonly ageMs: number;
  readonly refusedBy: ReadonlySet<Backend>;
}

export interface Onward {
  /** Null: whoever has the slot then. */
  readonly target: Backend | null;
  readonly isAsking: boolean;
  readonly pauseMs: number;
}
