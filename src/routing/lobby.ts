/** Takes commands while the first survey of a cluster is under way; afterwards nobody is sent here. */
import type { Backend, Lease, LeaseHolder, Refusal, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { type LinkError, NO_UPSTREAM_HOST } from '../resp/errors.ts';
import type { Trip } from './trip.ts';

export class Lobby implements Backend {
  readonly #hold: (command: Command, sink: Sink) => Trip | null;
  #trips: Trip[] = [];

  constructor(hold: (command: Command, sink: Sink) => Trip | null) {
    this.#hold = hold;
  }

  dispatch(command: Command, sink: Sink): void {
    const trip = this.#hold(command, sink);
    if (trip !== null) this.#trips.push(trip);
  }

  /** Nobody is known who has a connection to lend. */
  lease(_command: Command, _holder: LeaseHolder): Lease | Refusal {
    return { reply: NO_UPSTREAM_HOST };
  }

  /** Sends them on, in order. A sink answered at once may ask for more, which goes its own way already. */
  leave(send: (trip: Trip) => void): void {
    const trips = this.#trips;
    this.#trips = [];
    for (const trip of trips) send(trip);
  }

  fail(error: LinkError): void {
    this.leave((trip) => trip.fail(error));
  }

  async close(): Promise<void> {
    this.leave((trip) => trip.giveUp());
  }
}
