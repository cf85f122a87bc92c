/**
 * What a server says on a connection with subscriptions: arrays whose first word tells what they are.
 *
 *   *3  message    channel  payload            *3  subscribe    channel  count
 *   *4  pmessage   pattern  channel  payload   *3  unsubscribe  channel  count     *2  pong  text
 *
 * Words are told apart by length and first letter; the decoder has made sure that the frame is whole.
 */
import type { ChannelKind } from '../commands/own.ts';
import { ARRAY, BULK_STRING, INTEGER, LF, MINUS, ZERO } from '../resp/types.ts';

const PARTS_MAX = 4;

export type FeedFrameType = 'message' | 'subscribed' | 'unsubscribed' | 'pong' | 'other';

/** A view of one frame; filled anew for each. */
export class FeedFrame {
  type: FeedFrameType = 'other';
  kind: ChannelKind = 'channel';
  /** What was subscribed to: a channel or, of a message by pattern, the pattern. */
  nameStart = 0;
  nameEnd = 0;
  /** Where the message was published. */
  channelStart = 0;
  channelEnd = 0;
  readonly #starts = new Int32Array(PARTS_MAX);
  readonly #ends = new Int32Array(PARTS_MAX);

  read(bytes: Buffer, start: number): void {
    this.type = 'other';
    const count = this.#split(bytes, start);
    if (count < 2) return;
    const length = this.#ends[0]! - this.#starts[0]!;
    const letter = bytes[this.#starts[0]!]!;
    this.type = typeOf(length, count);
    this.kind = kindOf(letter, length);
    this.nameStart = this.#starts[1]!;
    this.nameEnd = this.#ends[1]!;
    const channel = this.kind === 'pattern' ? 2 : 1;
    this.channelStart = this.#starts[channel]!;
    this.channelEnd = this.#ends[channel]!;
  }

  /** Finds the parts; 0 if the frame is no flat array of strings and integers of a size that means something. */
  #split(bytes: Buffer, start: number): number {
    if (bytes[start] !== ARRAY) return 0;
    const count = bytes[start + 1]! - ZERO;
    if (count < 1 || count > PARTS_MAX || bytes[start + 3] !== LF) return 0;
    let at = start + 4;
    for (let i = 0; i < count; i++) {
      const type = bytes[at];
      const lineEnd = bytes.indexOf(LF, at);
      if (type === INTEGER) {
        this.#starts[i] = at + 1;
        this.#ends[i] = lineEnd - 1;
        at = lineEnd + 1;
      } else if (type === BULK_STRING && bytes[at + 1] !== MINUS) {
        let length = 0;
        for (let j = at + 1; j < lineEnd - 1; j++) length = length * 10 + (bytes[j]! - ZERO);
        this.#starts[i] = lineEnd + 1;
        this.#ends[i] = lineEnd + 1 + length;
        at = lineEnd + 1 + length + 2;
      } else {
        return 0;
      }
    }
    return count;
  }
}

const P = 0x70;
const S = 0x73;

function typeOf(length: number, count: number): FeedFrameType {
  switch (length) {
    case 'pong'.length:
      return 'pong';
    case 'message'.length:
    case 'pmessage'.length:
      return count < 3 ? 'other' : 'message';
    case 'subscribe'.length:
    case 'psubscribe'.length:
      return count < 3 ? 'other' : 'subscribed';
    case 'unsubscribe'.length:
    case 'punsubscribe'.length:
      return count < 3 ? 'other' : 'unsubscribed';
    default:
      return 'other';
  }
}

/** `subscribe` and `ssubscribe` begin with the same letter. */
function kindOf(letter: number, length: number): ChannelKind {
  if (letter === P) return 'pattern';
  return letter === S && length !== 'subscribe'.length ? 'shard' : 'channel';
}
