import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Area, distanceBetween } from './geo-area.ts';
import {
  decode,
  encode,
  evenBits,
  interleave,
  letters,
  oddBits,
  Point,
  STEP_MAX,
} from './geohash.ts';

test('Palermo is where Redis says it is', () => {
  const score = encode(13.361389, 38.115556, STEP_MAX);
  assert.equal(score, 3_479_099_956_230_698);
  assert.equal(letters(score), 'sqc8b49rny0');
  const point = new Point();
  decode(score, point);
  assert.ok(Math.abs(point.longitude - 13.361389) < 1e-5);
  assert.ok(Math.abs(point.latitude - 38.115556) < 1e-5);
});

test('bits of both directions come apart as they were put together', () => {
  for (const [x, y] of [
    [0, 0],
    [1, 0],
    [0, 1],
    [2 ** 26 - 1, 0],
    [12_345_678, 54_321_098],
    [2 ** 26, 2],
  ] as const) {
    const bits = interleave(x, y);
    assert.deepEqual([oddBits(bits), evenBits(bits)], [x, y]);
  }
});

test('the cells of a circle hold every place in it', () => {
  const area = new Area();
  area.longitude = 13.4;
  area.latitude = 38.1;
  area.radius = 30;
  area.unit = 1000;
  const cells = area.cells();
  for (let i = 0; i < 2000; i++) {
    const longitude = 13 + (i % 50) / 60;
    const latitude = 37.8 + Math.floor(i / 50) / 60;
    if (area.distanceTo(longitude, latitude) < 0) continue;
    const score = encode(longitude, latitude, STEP_MAX);
    assert.ok(cells.some(([first, behind]) => score >= first && score < behind));
  }
  assert.ok(Math.abs(distanceBetween(13.361389, 38.115556, 15.087269, 37.502669) - 166_274) < 10);
});
