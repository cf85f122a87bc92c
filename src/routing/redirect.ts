/**
 * The one place that decides whether a command goes out a second time.
 *
 * Only a lost connection may be mended this way: a time-out has used up the client's patience already, and
 * a reply, error or not, is the server's word. And only reads: nobody can tell whether a write was done.
 * Nor a read behind which its client already wrote: run now, it would see what did not exist when it was asked.
 */

import type { LinkError } from '../resp/errors.ts';
import type { Orphan } from '../upstream/link.ts';

export interface RetryPolicy {
  /** Second sendings of a read; 0: none. */
  readonly reads: number;
  readonly backoffMs: number;
}

export type Decision = 'fail' | 'retry';

export function decide(orphan: Orphan, error: LinkError, policy: RetryPolicy): Decision {
  if (error.code !== 'closed') return 'fail';
  if (!orphan.spec.isRead || orphan.answered || orphan.overtaken) return 'fail';
  return orphan.attempt < policy.reads ? 'retry' : 'fail';
}
