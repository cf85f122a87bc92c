/** When fields of a hash expire: a heap of times over the entries of its table, the earliest on top. */

const ROOM_MIN = 4;

export class FieldExpiry {
  count = 0;
  /** By place in the heap. */
  #times: Float64Array = new Float64Array(ROOM_MIN);
  #entries: Int32Array = new Int32Array(ROOM_MIN);
  /** Place + 1 by entry; 0: it does not expire. */
  #places: Int32Array = new Int32Array(ROOM_MIN);

  get bytes(): number {
    return this.#times.length * 12 + this.#places.length * 4;
  }

  /** Milliseconds since 1970 of the earliest; Infinity: there is none. */
  get next(): number {
    return this.count === 0 ? Infinity : this.#times[0]!;
  }

  /** The entry that expires first; -1: there is none. */
  get first(): number {
    return this.count === 0 ? -1 : this.#entries[0]!;
  }

  /** 0: never. */
  at(entry: number): number {
    const place = this.#placeOf(entry);
    return place < 0 ? 0 : this.#times[place]!;
  }

  set(entry: number, time: number): void {
    let place = this.#placeOf(entry);
    if (place < 0) {
      this.#reserve(entry);
      place = this.count++;
    }
    this.#lift(this.#sink(place, entry, time), entry, time);
  }

  /** False: it did not expire. */
  clear(entry: number): boolean {
    const place = this.#placeOf(entry);
    if (place < 0) return false;
    this.#places[entry] = 0;
    const last = --this.count;
    if (place === last) return true;
    const moved = this.#entries[last]!;
    const time = this.#times[last]!;
    this.#lift(this.#sink(place, moved, time), moved, time);
    return true;
  }

  #placeOf(entry: number): number {
    return entry < this.#places.length ? this.#places[entry]! - 1 : -1;
  }

  /** Puts an entry at a place or, while something earlier is there, below. */
  #sink(from: number, entry: number, time: number): number {
    let place = from;
    while (true) {
      let child = place * 2 + 1;
      if (child >= this.count) break;
      if (child + 1 < this.count && this.#times[child + 1]! < this.#times[child]!) child++;
      if (this.#times[child]! >= time) break;
      this.#put(place, this.#entries[child]!, this.#times[child]!);
      place = child;
    }
    this.#put(place, entry, time);
    return place;
  }

  #lift(from: number, entry: number, time: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >>> 1;
      if (this.#times[parent]! <= time) break;
      this.#put(place, this.#entries[parent]!, this.#times[parent]!);
      place = parent;
    }
    this.#put(place, entry, time);
  }

  #put(place: number, entry: number, time: number): void {
    this.#entries[place] = entry;
    this.#times[place] = time;
    this.#places[entry] = place + 1;
  }

  #reserve(entry: number): void {
    if (this.count === this.#times.length) {
      const times = new Float64Array(this.count * 2);
      times.set(this.#times);
      this.#times = times;
      const entries = new Int32Array(this.count * 2);
      entries.set(this.#entries);
      this.#entries = entries;
    }
    if (entry < this.#places.length) return;
    const places = new Int32Array(Math.max(entry + 1, this.#places.length * 2));
    places.set(this.#places);
    this.#places = places;
  }
}
