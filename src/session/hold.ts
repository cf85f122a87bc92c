/** Why a session decodes nothing for now; several may hold at once. */
export const Hold = {
  /** An answer is awaited that decides how to read on (SELECT). */
  answer: 1,
  /** Too much under way. */
  full: 2,
  /** The client does not read its replies. */
  congested: 4,
  /** CLIENT PAUSE. */
  paused: 8,
  /** The next command may only run when all before it are answered (a change of protocol or database). */
  turns: 32,
  /** The client waits at a server. It is read on, within limits, to hear when it leaves. */
  waiting: 64,
  /** Its user has no commands left for now (`users[].rate`). */
  rate: 128,
  /** Somebody else is asked whether it may come in. */
  login: 256,
  /** What the client reads is not tracked yet, and should be. */
  tracking: 512,
  /** Nothing more is read from this client. */
  closing: 16,
} as const;
