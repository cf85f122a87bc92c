/** How the process ends. Part of the contract with users: supervisors and scripts rely on these. */

/** Stopped on request, with everything under way answered; or a question was answered. */
export const STOPPED = 0;
/** Failed at run time: a port is taken, a worker broke. */
export const FAILED = 1;
/** Wrong arguments or configuration: trying again without a change cannot help. */
export const MISUSED = 2;
/** A second signal ended it while commands were under way: not `STOPPED`, because answers were lost. */
export const INTERRUPTED = 130;
