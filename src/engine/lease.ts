/** One client of the engine: what belongs to him alone (MULTI, WATCH, a wait) lives as long as this. */
import type { Lease, LeaseHolder, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { TRANSACTION } from '../commands/own.ts';
import { Client } from './client.ts';
import type { Engine } from './engine.ts';

const QUEUED: Buffer = Buffer.from('+QUEUED\r\n');

export class EngineLease implements Lease {
  readonly #engine: Engine;
  readonly #client: Client = new Client(true);

  constructor(engine: Engine, _holder: LeaseHolder) {
    this.#engine = engine;
  }

  carries(): boolean {
    return true;
  }

  prepare(): boolean {
    return false;
  }

  dispatch(command: Command, sink: Sink): void {
    const { queue } = this.#client;
    if (queue !== null && TRANSACTION[command.spec.name] === undefined) {
      queue.push(command.copy());
      sink.reply(QUEUED, 0, QUEUED.length);
      return;
    }
    this.#engine.run(command, this.#client, sink);
  }

  dispatchWaiting(command: Command, sink: Sink, _waitMs: number): void {
    this.dispatch(command, sink);
  }

  unblock(withError: boolean): void {
    if (this.#engine.blocked.unblock(this.#client, withError)) this.#engine.blocked.deliver();
  }

  release(): void {
    this.#engine.watches.forget(this.#client);
  }

  abandon(): void {
    this.#engine.blocked.forget(this.#client);
    this.#engine.watches.forget(this.#client);
  }
}
