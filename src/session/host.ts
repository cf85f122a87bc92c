/** What a session is told by its listener. */
import type { Backend } from '../backend/backend.ts';
import type { CommandTable } from '../commands/lookup.ts';
import type { Tick } from '../core/tick.ts';
import type { CommandLimits } from '../resp/command-decoder.ts';
import type { Channels } from '../routing/channels.ts';
import type { Authenticator } from './authenticator.ts';
import type { Clients } from './clients.ts';
import type { ListenerFigures } from './figures.ts';
import type { Monitors } from './monitors.ts';
import type { Session } from './session.ts';
import type { Users } from './users.ts';

export interface SessionLimits extends CommandLimits {
  /** Commands of one client under way at most. */
  readonly pipelineMax: number;
  /** Their bytes at most. */
  readonly inFlightBytesMax: number;
  /** Replies that wait for the client to read; more closes it. */
  readonly outputBytesMax: number;
}

/** What all sessions of a listener share. */
export interface SessionHost {
  readonly backend: Backend;
  /** Where clients subscribe; messages are published through `backend`. */
  readonly channels: Channels;
  readonly table: CommandTable;
  readonly limits: SessionLimits;
  readonly tick: Tick;
  /** Null: nobody is restricted. */
  readonly users: Users | null;
  /** Says who may come in; null: the passwords of `users` do. */
  readonly authenticator: Authenticator | null;
  readonly clients: Clients;
  readonly figures: ListenerFigures;
  readonly version: string;
  readonly monitors: Monitors;
  /** The path clients come by; null: they have addresses. */
  readonly unixPath: string | null;
  onClosed(session: Session): void;
}

/** What a listener is given; the rest it knows itself. */
export type ListenerHost = Omit<SessionHost, 'monitors' | 'unixPath' | 'onClosed'>;
