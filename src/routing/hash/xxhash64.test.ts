import assert from 'node:assert/strict';
import { it } from 'node:test';
import { xxhash64 } from './xxhash64.ts';

it('xxhash64 gives the published values', () => {
  assert.equal(xxhash64(Buffer.from('')), 17241709254077376921n);
  assert.equal(xxhash64(Buffer.from('foo')), 3728699739546630719n);
});

it('xxhash64 gives the values of the reference program for its own test bytes', () => {
  // The generator and the sums of tests/sanity_test_vectors.h in https://github.com/Cyan4973/xxHash.
  const bytes = sanityBytes(222);
  const seed = 0x9e3779b185ebca8dn;
  assert.equal(xxhash64(bytes.subarray(0, 1)), 0xe934a84adb052768n);
  assert.equal(xxhash64(bytes.subarray(0, 14)), 0x8282dcc4994e35c8n);
  assert.equal(xxhash64(bytes.subarray(0, 222)), 0xb641ae8cb691c174n);
  assert.equal(xxhash64(bytes.subarray(0, 222), 2654435761n), 0x20cb8ab7ae10c14an);
  assert.notEqual(xxhash64(bytes, seed), xxhash64(bytes));
});

function sanityBytes(count: number): Uint8Array {
  let generator = 2654435761n;
  return Uint8Array.from({ length: count }, () => {
    const byte = Number(generator >> 56n);
    generator = BigInt.asUintN(64, generator * 11400714785074694797n);
    return byte;
  });
}
