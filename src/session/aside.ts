/** Where the answer of a command goes that is run inside EXEC: beside the replies to the client. */
import { encoded } from '../resp/encoder.ts';
import type { Protocol } from '../resp/types.ts';
import { OK, type Value } from '../resp/value.ts';

export class Aside {
  readonly #then: (reply: Buffer) => void;
  #isTaken = false;

  constructor(then: (reply: Buffer) => void) {
    this.#then = then;
  }

  /** The command is answered by who calls this, now or later. */
  take(): (reply: Buffer) => void {
    this.#isTaken = true;
    return this.#then;
  }

  /** `value` is undefined if the handler answers by itself, or later, or wants no answer (OK stands for it). */
  finish(value: Value | undefined, protocol: Protocol): void {
    if (value !== undefined) this.#then(encoded(value, protocol));
    else if (!this.#isTaken) this.#then(encoded(OK, protocol));
  }
}
