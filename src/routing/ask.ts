/** Questions of the door's own. */
import type { CommandSpec } from '../commands/spec.ts';
import { decodeReply } from '../resp/decode.ts';
import type { Value } from '../resp/value.ts';
import type { Lane } from '../upstream/lane.ts';

/** Rejects when nothing answers in time. */
export function ask(
  lane: Lane,
  bytes: Buffer,
  spec: CommandSpec,
  timeoutMs: number,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    lane.send(bytes, spec, {
      reply: (reply, start, end) => {
        clearTimeout(timer);
        resolve(decodeReply(Buffer.from(reply.subarray(start, end))));
      },
      fail: (error) => {
        clearTimeout(timer);
        reject(error);
      },
    });
  });
}
