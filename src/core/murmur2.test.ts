import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { murmur2 } from './murmur2.ts';

const MASK = 2n ** 64n - 1n;
const FACTOR = 0xc6a4a7935bd1e995n;

/** libstdc++'s own words, for comparison only. */
function reference(bytes: Uint8Array): bigint {
  const mix = (value: bigint): bigint => value ^ (value >> 47n);
  let hash = 0xc70f6907n ^ ((BigInt(bytes.length) * FACTOR) & MASK);
  for (let at = 0; at < bytes.length; at += 8) {
    const chunk = bytes.subarray(at, at + 8);
    let data = chunk.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
    if (chunk.length === 8) data = (mix((data * FACTOR) & MASK) * FACTOR) & MASK;
    hash = ((hash ^ data) * FACTOR) & MASK;
  }
  return mix((mix(hash) * FACTOR) & MASK);
}

function ours(bytes: Uint8Array, start = 0, end: number = bytes.length): bigint {
  const out = new Uint32Array(2);
  murmur2(bytes, start, end, out);
  return (BigInt(out[0]!) << 32n) | BigInt(out[1]!);
}

describe('murmur2', () => {
  it('gives the values Envoy publishes', () => {
    const published = { '': 6142509188972423790n, foo: 9631199822919835226n };
    const more = { bar: 11474628671133349555n, lyft: 12847078931730529320n };
    for (const [text, hash] of Object.entries({ ...published, ...more })) {
      assert.equal(ours(Buffer.from(text)), hash, text);
    }
  });

  it('agrees with a plain 64-bit version for every length up to 300 and random bytes', () => {
    for (let length = 0; length <= 300; length++) {
      const bytes = crypto.getRandomValues(new Uint8Array(length));
      assert.equal(ours(bytes), reference(bytes), Buffer.from(bytes).toString('hex'));
    }
  });

  it('agrees where carries run furthest', () => {
    for (const byte of [0x00, 0x7f, 0x80, 0xff]) {
      for (let length = 0; length < 40; length++) {
        const bytes = new Uint8Array(length).fill(byte);
        assert.equal(ours(bytes), reference(bytes), `${length} times ${byte}`);
      }
    }
  });

  it('reads only what lies between start and end', () => {
    const bytes = Buffer.from('xxlyftyy');
    assert.equal(ours(bytes, 2, 6), 12847078931730529320n);
  });
});
