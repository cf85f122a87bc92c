/**
 * One connection of each server, in the hands of one client: for WAIT, which asks all of them for its writes.
 *
 * What is sent goes to every server, and their replies become one as the command table says (`merge`).
 */
import type { Backend, Lease, LeaseHolder, Refusal, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { ByteQueue } from '../core/bytes.ts';
import { mergerOf } from './merge.ts';
import { Poll } from './poll.ts';

export class JoinedLease implements Lease {
  readonly #leases: readonly Lease[];

  private constructor(leases: readonly Lease[]) {
    this.#leases = leases;
  }

  static of(servers: readonly Backend[], command: Command, holder: LeaseHolder): Lease | Refusal {
    const leases: Lease[] = [];
    for (const server of servers) {
      // One that is lost fails what is under way on it; the holder is told once, and gives all back.
      const lease = server.lease(command, leases.length === 0 ? holder : NOBODY);
      if ('reply' in lease) {
        for (const taken of leases) taken.release();
        return lease;
      }
      leases.push(lease);
    }
    return new JoinedLease(leases);
  }

  carries(): boolean {
    return true;
  }

  /** It is for commands that wait, which are no scripts. */
  prepare(): boolean {
    return false;
  }

  dispatch(command: Command, sink: Sink): void {
    this.dispatchWaiting(command, sink, 0);
  }

  dispatchWaiting(command: Command, sink: Sink, waitMs: number): void {
    const merger = mergerOf(command, command.spec.merge ?? 'one', null);
    const poll = new Poll(this.#leases.length, (done) => {
      const out = new ByteQueue();
      merger.write(done, out);
      sink.reply(out.bytes, 0, out.length);
      out.clear();
    });
    for (const [at, lease] of this.#leases.entries()) {
      lease.dispatchWaiting(command, poll.sink(at), waitMs);
    }
  }

  unblock(withError: boolean): void {
    for (const lease of this.#leases) lease.unblock(withError);
  }

  release(): void {
    for (const lease of this.#leases) lease.release();
  }

  abandon(): void {
    for (const lease of this.#leases) lease.abandon();
  }
}

const NOBODY: LeaseHolder = {
  onLost(): void {
    // The first connection's holder stands for all.
  },
};
