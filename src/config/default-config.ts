/**
 * What is served where nothing was asked for: an engine in this process. The schema would say the same (a test compares),
 * but to load it costs as much time as Node takes to start, and this is what is tried first.
 */
import type { Config } from './config.ts';

export const DEFAULT: Config = {
  workers: 1,
  log: { level: 'info', format: 'json' },
  admin: {
    listen: {
      kind: 'tcp',
      host: '127.0.0.1',
      port: 9901,
      text: '127.0.0.1:9901',
    },
    token: null,
  },
  listeners: {
    main: {
      listen: {
        kind: 'tcp',
        host: '127.0.0.1',
        port: 6380,
        text: '127.0.0.1:6380',
      },
      tls: null,
      users: [],
      externalAuth: null,
      maxConnections: 10000,
      concurrency: null,
      idleTimeoutMs: 0,
      customCommands: [],
      routes: [
        {
          prefix: '',
          removePrefix: false,
          keyFormat: '%KEY%',
          upstream: 'main',
          readUpstream: null,
          mirror: [],
        },
      ],
      caseInsensitivePrefixes: false,
      faults: [],
      limits: {
        maxBulkBytes: 536870912,
        maxElements: 1048576,
        maxInlineBytes: 65536,
        maxPipeline: 4096,
        maxInFlightBytes: 67108864,
        maxOutputBufferBytes: 268435456,
      },
    },
  },
  upstreams: {
    main: {
      kind: 'embedded',
      servers: [],
      distribution: 'ketama',
      ring: { minimumSize: 1024, hash: 'xxhash64' },
      hashTags: false,
      database: 0,
      tls: null,
      connections: 1,
      dedicatedMax: 256,
      connectTimeoutMs: 5000,
      opTimeoutMs: 1000,
      flush: { maxBytes: 0, timeoutMs: 3 },
      connectionRate: null,
      healthCheck: null,
      outlierDetection: null,
      retry: { reads: 1, backoffMs: 20 },
      limits: {
        maxPending: 65536,
        maxPendingBytes: 67108864,
        maxReplyBytes: 536870912,
        maxNesting: 128,
      },
      cluster: null,
      sentinel: null,
      embedded: {
        dir: null,
        appendSync: 'everysec',
        maxMemoryBytes: 0,
        eviction: 'noeviction',
        databases: 16,
        notifyKeyspaceEvents: '',
      },
    },
  },
};
