/** Sinks that write down what they are given, and commands to give them. */
import assert from 'node:assert/strict';
import type { Sink } from '../../src/backend/backend.ts';
import { Command } from '../../src/commands/command.ts';
import { resolve, UNKNOWN } from '../../src/commands/lookup.ts';

/** A whole command, its spec looked up. */
export function commandOf(...words: readonly string[]): Command {
  const command = new Command(UNKNOWN, Buffer.alloc(0));
  command.fill(words.map((word) => Buffer.from(word, 'latin1')));
  command.spec = resolve(command) ?? UNKNOWN;
  return command;
}

export function frameOf(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

/** What became of commands, in the order it happened: `name=reply` or `name!code`. */
export class Outcomes {
  readonly all: string[] = [];

  sink(name: string, then: () => void = () => {}): Sink {
    let answered = false;
    const note = (outcome: string): void => {
      assert.equal(answered, false, `${name} is answered once`);
      answered = true;
      this.all.push(`${name}${outcome}`);
      then();
    };
    return {
      reply: (bytes, start, end) => note(`=${bytes.toString('latin1', start, end)}`),
      fail: (error) => note(`!${error.code}`),
    };
  }
}
