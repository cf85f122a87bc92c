/** Why a command needs a closer look before it runs; 0 on the common path. */
export const Gate = {
  authentication: 1,
  permissions: 2,
  silence: 4,
  pausedWrites: 8,
  transaction: 16,
  subscribed: 32,
  monitor: 64,
} as const;
