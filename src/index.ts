/** The public API: a configuration in, a running proxy out, in the process of the caller. */

export type { ReloadOutcome } from './admin/reloads.ts';
export type { Config } from './config/config.ts';
export { ConfigError, type Fault } from './config/faults.ts';
export { type LoadedConfig, loadFile, loadText, readConfig } from './config/load.ts';
export { type QuickStartOptions, quickStart } from './config/quick-start.ts';
export { type Log, silent } from './core/log.ts';
export {
  type CallArgument,
  type CallReply,
  type CreateEngineOptions,
  createEngine,
  type EngineAddress,
  type InProcessEngine,
} from './library.ts';
export { createProxy, type Proxy, type ProxyEnd, type ReloadSource } from './proxy.ts';
