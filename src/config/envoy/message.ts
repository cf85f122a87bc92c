/**
 * Reading a file of somebody else's, whose fields are mostly not ours: whoever knows a field reads it, and
 * what nobody has read is told at the end. So nothing of a file can be lost without a word.
 *
 * The file is protobuf written as YAML or JSON: a field may be written `snake_case` or `camelCase`, a number
 * as text, a duration as `0.5s`, a name of an enumeration in capitals.
 */
import type { Path } from '../faults.ts';

export interface Note {
  readonly path: Path;
  /** What it is, and what to do instead. */
  readonly text: string;
}

/** Each thing once, however often it is looked at. */
export class Notes {
  readonly #notes: Map<string, Note> = new Map();

  get all(): readonly Note[] {
    return [...this.#notes.values()];
  }

  add(path: Path, text: string): void {
    this.#notes.set(JSON.stringify([path, text]), { path, text });
  }
}

interface Field {
  readonly value: unknown;
  readonly path: Path;
}

const NO_EQUIVALENT = 'no equivalent: left out';

export class Message {
  readonly path: Path;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #notes: Notes;
  readonly #read: Set<string> = new Set();
  /** One object per message, so that what one reader has read is known to the others. */
  readonly #children: Map<string, Message> = new Map();
  #isLeftOut = false;

  constructor(fields: Readonly<Record<string, unknown>>, path: Path, notes: Notes) {
    this.path = path;
    this.#fields = fields;
    this.#notes = notes;
  }

  has(name: string): boolean {
    return this.#find(name) !== null;
  }

  text(name: string): string | null {
    return this.#value(name, 'text', (value) => (typeof value === 'string' ? value : null));
  }

  /** Also for numbers with more digits than JSON has, which are written as text. */
  number(name: string): number | null {
    return this.#value(name, 'a number', (value) => {
      const number = typeof value === 'string' && value !== '' ? Number(value) : value;
      return typeof number === 'number' && Number.isFinite(number) ? number : null;
    });
  }

  flag(name: string): boolean {
    const read = (value: unknown): boolean | null => (typeof value === 'boolean' ? value : null);
    return this.#value(name, 'true or false', read) ?? false;
  }

  /** `5s`, `0.25s`, or `{ seconds: 5, nanos: 0 }`. */
  milliseconds(name: string): number | null {
    return this.#value(name, 'a duration such as 0.5s', (value) => {
      if (typeof value === 'string') {
        const match = /^(\d+(?:\.\d+)?)s$/.exec(value);
        return match === null ? null : Math.ceil(Number(match[1]) * 1000);
      }
      if (!isMapping(value)) return null;
      const { seconds = 0, nanos = 0 } = value;
      const ms = Number(seconds) * 1000 + Math.ceil(Number(nanos) / 1e6);
      return Number.isFinite(ms) ? ms : null;
    });
  }

  texts(name: string): string[] {
    const list = this.#value(name, 'a list', (value) => (Array.isArray(value) ? value : null));
    return (list ?? []).filter((each) => typeof each === 'string');
  }

  message(name: string): Message | null {
    const field = this.#take(name);
    if (field === null) return null;
    return this.#child(field.value, field.path);
  }

  messages(name: string): Message[] {
    const field = this.#take(name);
    if (field === null) return [];
    if (!Array.isArray(field.value)) {
      this.#notes.add(field.path, 'is no list: left out');
      return [];
    }
    return field.value.flatMap((each, index) => this.#child(each, [...field.path, index]) ?? []);
  }

  /** Names of its fields, for mappings whose names somebody chose. */
  get names(): readonly string[] {
    return Object.keys(this.#fields);
  }

  /** Fields that need no word: they say nothing that would be different here. */
  skip(...names: readonly string[]): void {
    for (const name of names) this.#take(name);
  }

  /** Tells about a field if it is there. */
  tell(name: string, text: string): void {
    const field = this.#take(name);
    if (field !== null) this.#notes.add(field.path, text);
  }

  /** About the message as a whole. */
  note(text: string): void {
    this.#notes.add(this.path, text);
  }

  /** Nothing of it is used, and one line says so. */
  leaveOut(text: string): void {
    this.#isLeftOut = true;
    this.#notes.add(this.path, text);
  }

  /** Tells of every field that nobody has read, here and in what was read of it. */
  finish(): void {
    if (this.#isLeftOut) return;
    for (const [name, value] of Object.entries(this.#fields)) {
      if (!this.#read.has(name) && value !== null && name !== '@type') {
        this.#notes.add([...this.path, name], NO_EQUIVALENT);
      }
    }
    for (const child of this.#children.values()) child.finish();
  }

  #value<T>(name: string, wanted: string, read: (value: unknown) => T | null): T | null {
    const field = this.#take(name);
    if (field === null) return null;
    const value = read(field.value);
    if (value === null) this.#notes.add(field.path, `is not ${wanted}: left out`);
    return value;
  }

  #take(name: string): Field | null {
    const field = this.#find(name);
    if (field !== null) this.#read.add(String(field.path.at(-1)));
    return field;
  }

  #find(name: string): Field | null {
    const camel = name.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
    for (const written of [name, camel]) {
      const value = Object.hasOwn(this.#fields, written) ? this.#fields[written] : null;
      if (value !== null && value !== undefined) return { value, path: [...this.path, written] };
    }
    return null;
  }

  #child(value: unknown, path: Path): Message | null {
    if (!isMapping(value)) {
      this.#notes.add(path, 'is no mapping: left out');
      return null;
    }
    const key = JSON.stringify(path);
    const child = this.#children.get(key) ?? new Message(value, path, this.#notes);
    this.#children.set(key, child);
    return child;
  }
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
