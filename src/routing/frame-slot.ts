/** The slot of a command of which only the frame is left; for the rare command that is looked at twice. */
import { Command } from '../commands/command.ts';
import { KeyPositions, keysOf } from '../commands/keys.ts';
import { slotOf } from '../commands/slot.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { EMPTY } from '../core/bytes.ts';
import { LF, ZERO } from '../resp/types.ts';

export class FrameSlots {
  readonly #command: Command;
  readonly #keys = new KeyPositions();

  constructor(unknown: CommandSpec) {
    this.#command = new Command(unknown, EMPTY);
  }

  /** The slot of its first key; -1: it has none. The frame was written by a decoder or by us, so it is whole. */
  slotOf(bytes: Buffer, spec: CommandSpec): number {
    if (spec.keyAt === 0) return -1;
    const command = this.#command;
    command.spec = spec;
    command.bytes = bytes;
    command.end = bytes.length;
    this.#findArguments(command);
    const index = spec.keyAt > 0 ? spec.keyAt : this.#firstKey(command);
    const slot =
      index < 0 || index >= command.argc
        ? -1
        : slotOf(bytes, command.argStart(index), command.argEnd(index));
    command.bytes = EMPTY;
    return slot;
  }

  #firstKey(command: Command): number {
    const keys = keysOf(command, this.#keys);
    return keys.count === 0 ? -1 : keys.indexes[0]!;
  }

  #findArguments(command: Command): void {
    const { bytes } = command;
    let at = 0;
    const number = (): number => {
      let value = 0;
      for (at++; bytes[at + 1] !== LF; at++) value = value * 10 + (bytes[at]! - ZERO);
      at += 2;
      return value;
    };
    command.argc = number();
    command.reserve(command.argc);
    for (let i = 0; i < command.argc; i++) {
      const length = number();
      command.offsets[i * 2] = at;
      at += length;
      command.offsets[i * 2 + 1] = at;
      at += 2;
    }
  }
}
