import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc16, SLOT_COUNT } from '../../commands/slot.ts';
import { Crc16Slots } from './crc16.ts';
import type { ServerShare } from './distribution.ts';

function servers(...weights: number[]): ServerShare[] {
  return weights.map((weight, index) => ({ key: `127.0.0.1:${90 + index}`, weight }));
}

/** Slots owned by each server, found through keys, one per slot. */
function slotsOf(weights: number[]): number[][] {
  const slots = Crc16Slots.of(servers(...weights));
  const owned: number[][] = weights.map(() => []);
  for (const [slot, key] of keyOfSlot) owned[slots.pick(key, 0, key.length)]?.push(slot);
  return owned.map((list) => list.sort((one, other) => one - other));
}

const keyOfSlot = new Map<number, Uint8Array>();
for (let i = 0; keyOfSlot.size < SLOT_COUNT; i++) {
  const key = Buffer.from(`${i}`);
  keyOfSlot.set(crc16(key, 0, key.length) % SLOT_COUNT, key);
}

describe('crc16 slots', () => {
  it('are those of Redis Cluster', () => {
    const known = { foo: 12182, bar: 5061, foobar: 12325 };
    for (const [key, slot] of Object.entries(known)) {
      assert.equal(crc16(Buffer.from(key), 0, key.length) % SLOT_COUNT, slot);
    }
    assert.equal(crc16(Buffer.from('123456789'), 0, 9), 0x31c3);
  });

  it('lie in one contiguous range per server, in the order given', () => {
    const owned = slotsOf([1, 1, 1]);
    assert.deepEqual(
      owned.map((slots) => [slots[0], slots.at(-1), slots.length]),
      [
        [0, 5460, 5461],
        [5461, 10922, 5462],
        [10923, 16383, 5461],
      ],
    );
  });

  it('are divided by weight', () => {
    assert.deepEqual(
      slotsOf([1, 2, 1]).map((slots) => slots.length),
      [4096, 8192, 4096],
    );
  });
});
