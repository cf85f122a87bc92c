/** SCAN over several servers: one after the other, each with its own cursor inside that of the client. */
import type { Backend, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { withFirstArgument } from '../commands/own.ts';
import { ByteQueue } from '../core/bytes.ts';
import { encodeArrayHead, encodeBulk } from '../resp/encoder.ts';
import {
  CURSOR_TOO_LARGE,
  INVALID_CURSOR,
  type LinkError,
  UPSTREAM_PROTOCOL_ERROR,
} from '../resp/errors.ts';
import { skipValue } from '../resp/skip.ts';
import { ARRAY, BULK_STRING } from '../resp/types.ts';
import { replyError } from './answers.ts';
import { isErrorReply } from './poll.ts';
import { packCursor, SCANNED_SERVERS_MAX, unpackCursor } from './scan-cursor.ts';

/** False: refused here. */
export function scan(command: Command, servers: readonly Backend[], sink: Sink): boolean {
  const place = command.argc > 1 ? unpackCursor(command.text(1)) : null;
  const server = place === null ? undefined : servers[place.server];
  if (place === null || server === undefined) {
    replyError(sink, INVALID_CURSOR);
    return false;
  }
  if (servers.length > SCANNED_SERVERS_MAX) {
    replyError(sink, CURSOR_TOO_LARGE);
    return false;
  }
  const next = (cursor: string): string | null => packCursor(place.server, cursor, servers.length);
  server.dispatch(withFirstArgument(command, place.cursor), new ScanSink(sink, next));
  return true;
}

/** The reply is a cursor and a list: the cursor is written anew, the list stays as it is. */
class ScanSink implements Sink {
  readonly #sink: Sink;
  readonly #next: (cursor: string) => string | null;

  constructor(sink: Sink, next: (cursor: string) => string | null) {
    this.#sink = sink;
    this.#next = next;
  }

  reply(bytes: Buffer, start: number, end: number): void {
    const head = start + HEAD.length;
    if (isErrorReply(bytes.subarray(start, end))) {
      this.#sink.reply(bytes, start, end);
    } else if (!bytes.subarray(start, head).equals(HEAD) || bytes[head] !== BULK_STRING) {
      replyError(this.#sink, UPSTREAM_PROTOCOL_ERROR);
    } else {
      this.#replyAfter(bytes, head, end);
    }
  }

  fail(error: LinkError): void {
    this.#sink.fail(error);
  }

  #replyAfter(bytes: Buffer, head: number, end: number): void {
    const rest = skipValue(bytes, head);
    const text = bytes.toString('latin1', bytes.indexOf(LINE_END, head) + 2, rest - 2);
    const next = this.#next(text);
    if (next === null) {
      replyError(this.#sink, CURSOR_TOO_LARGE);
      return;
    }
    const out = new ByteQueue();
    encodeArrayHead(out, 2);
    encodeBulk(out, Buffer.from(next));
    out.append(bytes, rest, end);
    this.#sink.reply(out.bytes, 0, out.length);
    out.clear();
  }
}

const LINE_END = '\r\n';
const HEAD: Buffer = Buffer.from(`${String.fromCharCode(ARRAY)}2${LINE_END}`);
