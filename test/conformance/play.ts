/** Plays command files against a server or a proxy, and makes replies comparable. */
import { bulk, encode, type Target, Wire } from '../support/wire.ts';
import type { Case, Mask } from './cases.ts';

export type Protocol = 2 | 3;

export function show(reply: string): string {
  const text = JSON.stringify(reply);
  return text.length > 300 ? `${text.slice(0, 300)}… (${reply.length} bytes)` : text;
}

/**
 * Plays the cases on one connection, `ahead` at a time. Behind each stands an ECHO of its own, so a
 * missing reply, or one too many, is seen at the command that caused it.
 */
export async function talk(
  cases: readonly Case[],
  target: Target,
  protocol: Protocol,
  ahead: number,
): Promise<string[]> {
  const replies: string[] = [];
  let wire = await Wire.connect(target, { protocol, timeoutMs: 10_000 });
  try {
    for (let start = 0; start < cases.length; start += ahead) {
      const batch = cases.slice(start, start + ahead);
      if (batch.some(({ fault }) => fault)) {
        replies.push(await fault(batch[0]!, target, protocol));
        continue;
      }
      wire.write(
        Buffer.concat(batch.map((one, index) => withMarker(one, start + index, protocol))),
      );
      for (const [index, one] of batch.entries()) {
        replies.push(await untilMarker(wire, one, start + index, protocol));
        if (wire.closed) wire = await Wire.connect(target, { protocol, timeoutMs: 10_000 });
      }
    }
  } finally {
    wire.close();
  }
  return replies;
}

/** Commands that change the version of the protocol are followed by one that changes it back. */
function changesProtocol({ command }: Case): boolean {
  return command === 'reset' || command === 'hello';
}

function withMarker(one: Case, index: number, protocol: Protocol): Buffer {
  const back = changesProtocol(one) ? encode(['HELLO', protocol]) : Buffer.alloc(0);
  return Buffer.concat([one.bytes, encode(['ECHO', `marker-${index}`]), back]);
}

async function untilMarker(
  wire: Wire,
  one: Case,
  index: number,
  protocol: Protocol,
): Promise<string> {
  const marker = bulk(`marker-${index}`);
  let all = '';
  try {
    for (;;) {
      const reply = await wire.read();
      if (reply === marker) break;
      all += reply;
    }
    // The reply of the HELLO above names the server: it is not compared.
    if (changesProtocol(one)) await wire.read();
  } catch (error) {
    wire.close();
    return `${all}<${error instanceof Error ? error.message : error} after RESP${protocol}>`;
  }
  return all;
}

/** Everything the server says until it closes. */
async function fault(one: Case, target: Target, protocol: Protocol): Promise<string> {
  await using wire = await Wire.connect(target, { protocol });
  wire.write(one.bytes);
  if (one.last) wire.socket.end();
  try {
    return await wire.ended(3000);
  } catch {
    return `<still open> ${wire.rest}`;
  }
}

export function masked(reply: string, mask: Mask): string {
  switch (mask) {
    case 'none':
      return reply;
    case 'digits':
      return reply.replace(/\d+/g, 'N');
    case 'kind':
      return reply.slice(0, 1);
    case 'sorted':
      // Bulk strings of one line each: enough for the sets compared here.
      return reply.split('$').sort().join('$');
    default:
      return mask satisfies never;
  }
}
