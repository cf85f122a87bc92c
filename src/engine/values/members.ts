/** What sets and sorted sets have in common for commands that take both. */
import type { Collection } from '../types.ts';
import type { Element } from './listpack.ts';

export interface Members extends Collection {
  has(bytes: Buffer, start: number, end: number): boolean;
  /** Every member into `element`, in any order, until `visit` says true; then true. Nothing is changed meanwhile. */
  some(element: Element, visit: () => boolean): boolean;
}
