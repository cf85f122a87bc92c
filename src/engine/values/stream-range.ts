/** Goes through the entries of a stream between two ids, forwards or backwards. Nothing may change meanwhile. */
import type { Stream } from './stream.ts';
import { compareIds, StreamId } from './stream-id.ts';
import { NodeEntry, type StreamNode } from './stream-node.ts';

export class StreamRange {
  /** What one stands at. */
  readonly entry: NodeEntry = new NodeEntry();
  node!: StreamNode;
  #stream!: Stream;
  readonly #start: StreamId = new StreamId();
  readonly #end: StreamId = new StreamId();
  #isReverse = false;
  #index = 0;
  #isInside = false;

  /** Both ids belong to it. */
  begin(stream: Stream, start: StreamId, end: StreamId, isReverse: boolean): void {
    this.#stream = stream;
    this.#start.copy(start);
    this.#end.copy(end);
    this.#isReverse = isReverse;
    this.#index = isReverse ? stream.nodeOf(end) : Math.max(0, stream.nodeOf(start));
    this.#isInside = false;
  }

  /** The next entry that is not deleted; false: there is none. */
  next(): boolean {
    const { entry } = this;
    while (this.#advance()) {
      // It may stand where its id does not belong: the last id can be set back.
      if (entry.isDeleted) continue;
      const past = this.#isReverse
        ? compareIds(entry.id, this.#start) < 0
        : compareIds(entry.id, this.#end) > 0;
      if (past) return false;
      const before = this.#isReverse
        ? compareIds(entry.id, this.#end) > 0
        : compareIds(entry.id, this.#start) < 0;
      if (!before) return true;
    }
    return false;
  }

  /** To the next entry of whatever kind. */
  #advance(): boolean {
    const { entry } = this;
    while (true) {
      if (this.#isInside) {
        if (this.#isReverse ? entry.previous() : entry.next()) return true;
        this.#isInside = false;
        this.#index += this.#isReverse ? -1 : 1;
      }
      if (this.#index < 0 || this.#index >= this.#stream.nodeCount) return false;
      this.node = this.#stream.nodeAt(this.#index)!;
      entry.enter(this.node);
      this.#isInside = true;
      if (this.#isReverse ? entry.last() : entry.first()) return true;
      this.#isInside = false;
      this.#index += this.#isReverse ? -1 : 1;
    }
  }
}
