import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeResponse, encodeRequest } from './auth-messages.ts';

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

test('a request is written as protobuf says', () => {
  assert.deepEqual(
    encodeRequest({ username: 'bob', password: 'pä' }),
    bytes('0a 03 626f62  12 03 70c3a4'),
  );
  const alone = encodeRequest({ username: '', password: 'x' }).toString('hex');
  assert.match(alone, /^(0a00)?120178$/, 'an empty name may be written or left out');
});

test('a response is read as protobuf says, unknown fields included', () => {
  const code = '0a 02 08 07';
  const expiration = '12 0b 08 80 e4 97 d0 12 10 80 ad e2 04';
  const message = '1a 02 6e6f';
  const unknown = '7a 01 78';
  assert.deepEqual(decodeResponse(bytes(`${code} ${message} ${unknown}`)), {
    code: 7,
    message: 'no',
    expiresAtMs: null,
  });
  assert.deepEqual(decodeResponse(bytes(expiration)), {
    code: 0,
    message: '',
    expiresAtMs: 5_000_000_000_010,
  });
});

test('what is left out has its default: an empty answer lets in, as Envoy reads it', () => {
  assert.deepEqual(decodeResponse(Buffer.alloc(0)), { code: 0, message: '', expiresAtMs: null });
});

test('the message of the status is told where there is no other', () => {
  assert.equal(decodeResponse(bytes('0a 06 08 10 12 02 6e6f')).message, 'no');
});

test('what is no message is an error', () => {
  assert.throws(() => decodeResponse(bytes('0a ff')));
});
