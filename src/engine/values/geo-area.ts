/** Circles and boxes on earth, and which cells of the map cover them. */
import { Cell, encode, LATITUDE_MAX, LONGITUDE_MAX, neighbour, STEP_MAX } from './geohash.ts';
import { arcsine, cosine, sine } from './trigonometry.ts';

const EARTH_RADIUS_METERS = 6_372_797.560_856;
/** Half the circumference of the map, in metres. */
const MERCATOR_MAX = 20_037_726.37;
/** By how much a rough distance may be wrong. */
const TOLERANCE: number = 1 + 1e-9;
const RADIANS: number = Math.PI / 180;
/** Beyond these latitudes cells are narrow, so bigger ones are taken. */
const NARROW_LATITUDE = 66;
const NARROWER_LATITUDE = 80;

/** Metres along the surface of a ball, by the haversine formula. */
export function distanceBetween(lon1: number, lat1: number, lon2: number, lat2: number): number {
  const v = sine((lon2 * RADIANS - lon1 * RADIANS) / 2);
  if (v === 0) return latitudeDistance(lat1, lat2);
  const lat1Radians = lat1 * RADIANS;
  const lat2Radians = lat2 * RADIANS;
  const u = sine((lat2Radians - lat1Radians) / 2);
  const a = u * u + cosine(lat1Radians) * cosine(lat2Radians) * v * v;
  return 2 * EARTH_RADIUS_METERS * arcsine(Math.sqrt(a));
}

/** The same, but for the last digits: to leave out what is too far. */
function roughDistance(lon1: number, lat1: number, lon2: number, lat2: number): number {
  const v = Math.sin((lon2 * RADIANS - lon1 * RADIANS) / 2);
  if (v === 0) return latitudeDistance(lat1, lat2);
  const lat1Radians = lat1 * RADIANS;
  const lat2Radians = lat2 * RADIANS;
  const u = Math.sin((lat2Radians - lat1Radians) / 2);
  const a = u * u + Math.cos(lat1Radians) * Math.cos(lat2Radians) * v * v;
  return 2 * EARTH_RADIUS_METERS * Math.asin(Math.sqrt(a));
}

function latitudeDistance(lat1: number, lat2: number): number {
  return EARTH_RADIUS_METERS * Math.abs(lat2 * RADIANS - lat1 * RADIANS);
}

function isWithin(limit: number, lon1: number, lat1: number, lon2: number, lat2: number): boolean {
  if (roughDistance(lon1, lat1, lon2, lat2) > limit * TOLERANCE) return false;
  return distanceBetween(lon1, lat1, lon2, lat2) <= limit;
}

/** A circle, or a box whose sides are along the map's, around a place. */
export class Area {
  longitude = 0;
  latitude = 0;
  isBox = false;
  /** In units. */
  radius = 0;
  width = 0;
  height = 0;
  /** Metres of a unit. */
  unit = 1;

  /** The distance of a place from the middle, in metres; -1: it is outside. */
  distanceTo(longitude: number, latitude: number): number {
    if (this.isBox) {
      if (latitudeDistance(latitude, this.latitude) > (this.height * this.unit) / 2) return -1;
      const half = (this.width * this.unit) / 2;
      if (!isWithin(half, longitude, latitude, this.longitude, latitude)) return -1;
      return distanceBetween(this.longitude, this.latitude, longitude, latitude);
    }
    const limit = this.radius * this.unit;
    if (roughDistance(this.longitude, this.latitude, longitude, latitude) > limit * TOLERANCE) {
      return -1;
    }
    const distance = distanceBetween(this.longitude, this.latitude, longitude, latitude);
    return distance > limit ? -1 : distance;
  }

  /** The cells that cover it, as first score and first score behind, in the order in which they are searched. */
  cells(): [number, number][] {
    const bounds = this.#bounds();
    let step = this.#step();
    let bits = encode(this.longitude, this.latitude, step);
    if (step > 1 && isTooSmall(bits, step, bounds)) {
      step--;
      bits = encode(this.longitude, this.latitude, step);
    }
    return scoresOf(bits, step, bounds);
  }

  #bounds(): Bounds {
    const height = this.unit * (this.isBox ? this.height / 2 : this.radius);
    const width = this.unit * (this.isBox ? this.width / 2 : this.radius);
    const { latitude, longitude } = this;
    const dLatitude = height / EARTH_RADIUS_METERS / RADIANS;
    // The side nearer to a pole takes more degrees.
    const wide = latitude < 0 ? latitude - dLatitude : latitude + dLatitude;
    const dLongitude = width / EARTH_RADIUS_METERS / Math.cos(wide * RADIANS) / RADIANS;
    return {
      west: longitude - dLongitude,
      east: longitude + dLongitude,
      south: latitude - dLatitude,
      north: latitude + dLatitude,
    };
  }

  /** Bits of a cell so big that it and those around it cover the area. */
  #step(): number {
    const { width, height } = this;
    const around = this.isBox
      ? Math.sqrt((width / 2) * (width / 2) + (height / 2) * (height / 2))
      : this.radius;
    let range = around * this.unit;
    if (range === 0) return STEP_MAX;
    let step = 1;
    for (; range < MERCATOR_MAX; range *= 2) step++;
    step -= 2;
    const distance = Math.abs(this.latitude);
    if (distance > NARROW_LATITUDE) step--;
    if (distance > NARROWER_LATITUDE) step--;
    return Math.max(1, Math.min(STEP_MAX, step));
  }
}

interface Bounds {
  readonly west: number;
  readonly east: number;
  readonly south: number;
  readonly north: number;
}

/** A cell and those around it do not cover the area: bigger ones do. */
function isTooSmall(bits: number, step: number, bounds: Bounds): boolean {
  return (
    new Cell(neighbour(bits, step, 0, 1), step).north < bounds.north ||
    new Cell(neighbour(bits, step, 0, -1), step).south > bounds.south ||
    new Cell(neighbour(bits, step, 1, 0), step).east < bounds.east ||
    new Cell(neighbour(bits, step, -1, 0), step).west > bounds.west
  );
}

/** East and north of the middle cell, in the order of the search. */
const AROUND: readonly (readonly [number, number])[] = [
  [0, 0],
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1],
];

function scoresOf(bits: number, step: number, bounds: Bounds): [number, number][] {
  const cell = new Cell(bits, step);
  const size = 2 ** (2 * (STEP_MAX - step));
  const found: [number, number][] = [];
  let last = 0;
  let lastBits = -1;
  for (const [index, [dx, dy]] of AROUND.entries()) {
    if (step >= 2 && isNeedless(cell, bounds, dx, dy)) continue;
    const other = neighbour(bits, step, dx, dy);
    // On a map of few cells the neighbours of a cell are one another; the middle one may come twice all the same.
    if (last > 0 && other === lastBits) continue;
    last = index;
    lastBits = other;
    found.push([other * size, (other + 1) * size]);
  }
  return found;
}

function isNeedless(cell: Cell, bounds: Bounds, dx: number, dy: number): boolean {
  if (dy < 0 && cell.south < bounds.south) return true;
  if (dy > 0 && cell.north > bounds.north) return true;
  if (dx < 0 && cell.west < bounds.west) return true;
  return dx > 0 && cell.east > bounds.east;
}

export function isOnMap(longitude: number, latitude: number): boolean {
  return Math.abs(longitude) <= LONGITUDE_MAX && Math.abs(latitude) <= LATITUDE_MAX;
}
