/** Values that stand in many places of an Envoy configuration, and how they are written here. */
import type { Message } from './message.ts';

/** A part of the file that is made; `undefined` is not written. */
export interface Section {
  readonly [key: string]: Part;
}
export type Part = string | number | boolean | Section | readonly Part[] | undefined;

export function durationText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** The extension in `typed_config`: the last word of its type, and its fields. */
export interface Typed {
  readonly type: string;
  readonly body: Message;
}

/** Both ways of naming a type; the older `config` is named by its holder. */
export function typedConfig(holder: Message): Typed | null {
  const body = holder.message('typed_config');
  if (body === null) {
    const untyped = holder.message('config');
    return untyped === null ? null : { type: lastWord(holder.text('name') ?? ''), body: untyped };
  }
  const type = lastWord(body.text('@type') ?? '');
  if (type !== 'TypedStruct') return { type, body };
  const inner = body.message('value');
  return inner === null ? null : { type: lastWord(body.text('type_url') ?? ''), body: inner };
}

function lastWord(type: string): string {
  return type.slice(Math.max(type.lastIndexOf('.'), type.lastIndexOf('/')) + 1);
}

/** `host:port`, `[v6]:port` or `unix:/path`. */
export function addressText(address: Message): string | null {
  const socket = address.message('socket_address');
  if (socket !== null) return socketText(socket);
  const pipe = address.message('pipe');
  const path = pipe?.text('path') ?? '';
  if (pipe === null || path === '' || path.startsWith('@')) {
    address.leaveOut('is neither a TCP address nor a path: no equivalent');
    return null;
  }
  pipe.tell('mode', 'the umask of the process decides who may open the socket');
  return `unix:${path}`;
}

function socketText(socket: Message): string | null {
  const host = socket.text('address');
  const port = socket.number('port_value');
  socket.skip('ipv4_compat');
  if (socket.text('protocol') === 'UDP' || host === null || port === null) {
    socket.leaveOut('needs a TCP address and port_value: no equivalent');
    return null;
  }
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A secret as it is written here: text, `{file: …}` or `{env: …}`. */
export function secretOf(source: Message): string | Section | null {
  const inline = inlineText(source);
  if (inline !== null) return inline;
  const file = fileOf(source);
  if (file !== null) return { file };
  const name = source.text('environment_variable');
  if (name !== null) return { env: name };
  source.note('is empty: write the secret in its place');
  return null;
}

/** What stands in the file itself; null if it stands elsewhere or is empty. */
export function inlineText(source: Message): string | null {
  const text = source.text('inline_string');
  if (text !== null) return text === '' ? null : text;
  const bytes = source.text('inline_bytes');
  if (bytes === null || bytes === '') return null;
  return Buffer.from(bytes, 'base64').toString();
}

export function fileOf(source: Message): string | null {
  const file = source.text('filename');
  source.skip('watched_directory');
  if (file !== null && !file.startsWith('/')) {
    source.tell('filename', `here ${file} is looked for beside the configuration file`);
  }
  return file === '' ? null : file;
}

const DENOMINATORS: Readonly<Record<string, number>> = {
  HUNDRED: 100,
  TEN_THOUSAND: 10_000,
  MILLION: 1_000_000,
};

/** Percent of a RuntimeFractionalPercent. */
export function percentOf(fraction: Message): number {
  fraction.tell('runtime_key', 'no runtime here: the share is what the file says');
  const value = fraction.message('default_value');
  if (value === null) return 0;
  const numerator = value.number('numerator') ?? 0;
  const denominator = DENOMINATORS[value.text('denominator') ?? 'HUNDRED'] ?? 100;
  return Math.min(100, (numerator / denominator) * 100);
}

/** Where the user's name must be text. */
export function nameOf(source: Message): string | null {
  const text = inlineText(source);
  if (text !== null) return text;
  source.leaveOut('only passwords can come from outside: write the name itself');
  return null;
}
