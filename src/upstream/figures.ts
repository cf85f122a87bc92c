/** What is counted per server and per command: plain numbers, gathered when somebody asks. */
import { Histogram } from '../core/histogram.ts';
import type { LinkErrorCode } from '../resp/errors.ts';

export interface CommandFigures {
  /** Replies, error replies included. */
  replies: number;
  errors: number;
  failures: number;
  readonly latency: Histogram;
}

export class ServerFigures {
  requests = 0;
  replies = 0;
  errorReplies = 0;
  bytesRead = 0;
  bytesWritten = 0;
  retries = 0;
  connectionsOpened = 0;
  connectionsActive = 0;
  connectionsRateLimited = 0;
  ejections = 0;
  readonly latency: Histogram = new Histogram();
  readonly failures: Record<LinkErrorCode, number> = {
    no_host: 0,
    connect: 0,
    handshake: 0,
    timeout: 0,
    closed: 0,
    protocol: 0,
    busy: 0,
  };
}

/** Figures per command of one upstream, by `CommandSpec.id`; a row is made when a command first comes. */
export class CommandTally {
  readonly rows: (CommandFigures | undefined)[] = [];

  row(id: number): CommandFigures {
    return this.rows[id] ?? this.#open(id);
  }

  #open(id: number): CommandFigures {
    // Filled without holes: a sparse array would turn every later look-up into a dictionary search.
    while (this.rows.length <= id) this.rows.push(undefined);
    const row = { replies: 0, errors: 0, failures: 0, latency: new Histogram() };
    this.rows[id] = row;
    return row;
  }
}
