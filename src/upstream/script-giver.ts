/**
 * Sees to it that a server has the script that a command names by its SHA1.
 *
 *   EVALSHA ─▶ known, and not given on this connection ─▶ SCRIPT LOAD, then EVALSHA, on the same connection
 *   NOSCRIPT ─▶ flushed behind our back: both again, unless that would turn the client's order round
 *
 * What was given holds as long as the connection: a server that restarted, failed over or is new has another one.
 * So after a failure the script stands in front of the very command that needs it, and nobody overtakes anybody.
 */
import type { Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { specByName } from '../commands/lookup.ts';
import { SCRIPT_LOAD_NAME } from '../commands/own.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { LF, SIMPLE_ERROR, ZERO } from '../resp/types.ts';
import type { Lane } from './lane.ts';
import type { Link } from './link.ts';
import type { RefusedCommand } from './orphan.ts';
import type { Script, Scripts } from './scripts.ts';

/** Second sendings of one command. A server that refuses SCRIPT LOAD would be asked for ever. */
const HEALINGS_MAX = 2;
/** Scripts noted per connection; beyond it they are given anew. */
const GIVEN_MAX = 4096;

/** What the server on the other end of one connection was given on it. */
class Given {
  readonly flushes: number;
  /** When, by digest: a script that is remembered no more is not kept alive by this. */
  readonly times: Map<string, number> = new Map();
  /** It takes no scripts from us. */
  isRefused = false;

  constructor(flushes: number) {
    this.flushes = flushes;
  }
}

export class ScriptGiver {
  readonly #scripts: Scripts;
  readonly #given: WeakMap<Link, Given> = new WeakMap();

  constructor(scripts: Scripts) {
    this.#scripts = scripts;
  }

  /** Learns what a client's command says; the script it needs to run, if it is known. */
  note(command: Command): Script | null {
    const { role, at } = command.spec.script!;
    const scripts = this.#scripts;
    switch (role) {
      case 'source': {
        const { bytes } = command;
        const isLoaded = command.spec.name === SCRIPT_LOAD_NAME;
        if (isLoaded) scripts.load(bytes, command.argStart(at), command.argEnd(at));
        else scripts.remember(bytes, command.argStart(at), command.argEnd(at));
        return null;
      }
      case 'digest':
        return scripts.findAt(command.bytes, command.argStart(at), command.argEnd(at));
      case 'flush':
        scripts.flush();
        return null;
    }
  }

  isGiven(link: Link, script: Script): boolean {
    const given = this.#of(link);
    return given.isRefused || given.times.has(script.digest);
  }

  /** Writes the script to the link, in front of what comes next. */
  give(link: Link, script: Script): void {
    const given = this.#of(link);
    if (given.isRefused || given.times.has(script.digest)) return;
    this.#mark(given, script);
    link.send(script.load, SCRIPT_LOAD, this.#watching(given, script));
  }

  /** As `give`, by another connection to the same server, since nothing may be sent on the link itself; then `then`. */
  giveBeside(link: Link, lane: Lane, script: Script, then: () => void): void {
    const given = this.#of(link);
    this.#mark(given, script);
    const watching = this.#watching(given, script);
    lane.send(script.load, SCRIPT_LOAD, {
      reply(bytes, start, end) {
        watching.reply(bytes, start, end);
        then();
      },
      fail(error) {
        watching.fail(error);
        then();
      },
    });
  }

  /**
   * Sends a command again that a server has no script for; false: it is not known, or too late. Later commands of
   * its client that are under way on the link would be overtaken, except reads by a read.
   */
  heal(link: Link, refused: RefusedCommand): boolean {
    const { bytes, spec, affinity, sentAt, attempt } = refused;
    const script = attempt < HEALINGS_MAX ? this.#scripts.find(digestIn(bytes)) : null;
    if (script === null || spec.script?.role !== 'digest') return false;
    this.#onMissing(link, script, sentAt);
    let overtakes = false;
    link.eachUnderWay(affinity, (_bytes, later) => {
      overtakes ||= !(later.isRead && spec.isRead);
    });
    if (overtakes || this.#of(link).isRefused) return false;
    this.give(link, script);
    // The bytes are in the memory that the link appends to.
    link.resend({ ...refused, bytes: Buffer.from(bytes) });
    return true;
  }

  /** On a link that is lent: whoever borrows it next has it given anew. */
  forget(link: Link): void {
    this.#given.delete(link);
  }

  /** Unless it was given after the command was sent, the server has lost it, and all others with it. */
  #onMissing(link: Link, script: Script, sentAt: number): void {
    const given = this.#of(link);
    const givenAt = given.times.get(script.digest);
    if (givenAt !== undefined && givenAt <= sentAt) given.times.clear();
  }

  #of(link: Link): Given {
    let given = this.#given.get(link);
    if (given === undefined || given.flushes !== this.#scripts.flushes) {
      given = new Given(this.#scripts.flushes);
      this.#given.set(link, given);
    }
    return given;
  }

  #mark(given: Given, script: Script): void {
    if (given.times.size >= GIVEN_MAX) given.times.clear();
    given.times.set(script.digest, performance.now());
  }

  #watching(given: Given, script: Script): Sink {
    return {
      reply(bytes, start) {
        if (bytes[start] !== SIMPLE_ERROR) return;
        given.times.delete(script.digest);
        given.isRefused = REFUSALS.some((word) => isAt(bytes, start + 1, word));
      },
      fail() {
        given.times.delete(script.digest);
      },
    };
  }
}

/** A server that lets its user EVALSHA and not SCRIPT LOAD, or has no such command under this name. */
const REFUSALS = ['NOPERM ', 'ERR unknown '];
const SCRIPT_LOAD: CommandSpec = specByName(SCRIPT_LOAD_NAME)!;
/** The server's very words: a script may answer like this too, after it has written. */
const NOSCRIPT = '-NOSCRIPT No matching script.';
const LETTER_N = 'N'.charCodeAt(0);

/** The server does not have the script of an EVALSHA; cheap for any other error. */
export function isNoScript(bytes: Buffer, start: number): boolean {
  return bytes[start + 1] === LETTER_N && isAt(bytes, start, NOSCRIPT);
}

function isAt(bytes: Buffer, start: number, text: string): boolean {
  return bytes.toString('latin1', start, start + text.length) === text;
}

/** The first argument behind the name, in a frame. */
function digestIn(frame: Buffer): string {
  let at = frame.indexOf(LF) + 1;
  let length = 0;
  for (let argument = 0; argument < 2; argument++) {
    at += length === 0 ? 0 : length + 2;
    length = 0;
    for (at++; frame[at]! >= ZERO; at++) length = length * 10 + (frame[at]! - ZERO);
    at += 2;
  }
  return frame.toString('latin1', at, at + Math.min(length, DIGEST_LENGTH + 1));
}

const DIGEST_LENGTH = 40;
