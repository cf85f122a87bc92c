/** Answers made by the router itself. */
import type { Sink } from '../backend/backend.ts';
import { ByteQueue } from '../core/bytes.ts';
import { encodeError } from '../resp/encoder.ts';

/** Gives `sink` an error reply, which reads the same in both protocols. */
export function replyError(sink: Sink, text: string): void {
  const out = new ByteQueue();
  encodeError(out, text);
  sink.reply(out.bytes, 0, out.length);
  out.clear();
}
