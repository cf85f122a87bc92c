/** Servers that all tests of one file share: ended when the last of them is through. */
import { after } from 'node:test';

export function kept<T extends AsyncDisposable>(resource: T): T {
  after(() => resource[Symbol.asyncDispose]());
  return resource;
}
