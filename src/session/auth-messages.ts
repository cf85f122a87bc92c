/**
 * The messages of Envoy's `envoy.service.redis_auth.v3`, as far as they matter here:
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/redis_auth/v3/redis_external_auth.proto
 *
 * Loaded only where external authentication is configured.
 */
import protobuf from 'protobufjs/light.js';

/** The path of the one method, as gRPC writes it. */
export const AUTHENTICATE = '/envoy.service.redis_auth.v3.RedisProxyExternalAuth/Authenticate';

export interface AuthRequest {
  readonly username: string;
  readonly password: string;
}

export interface AuthResponse {
  /** 0: come in. */
  readonly code: number;
  /** For the client; may be empty. */
  readonly message: string;
  /** In milliseconds since 1970; null: for good. */
  readonly expiresAtMs: number | null;
}

/** How the other side reads and writes them; numbers are fields' numbers. */
const root = protobuf.Root.fromJSON({
  nested: {
    Request: {
      fields: { username: { type: 'string', id: 1 }, password: { type: 'string', id: 2 } },
    },
    Response: {
      fields: {
        status: { type: 'Status', id: 1 },
        expiration: { type: 'Timestamp', id: 2 },
        message: { type: 'string', id: 3 },
      },
    },
    Status: { fields: { code: { type: 'int32', id: 1 }, message: { type: 'string', id: 2 } } },
    Timestamp: { fields: { seconds: { type: 'int64', id: 1 }, nanos: { type: 'int32', id: 2 } } },
  },
});
const Request = root.lookupType('Request');
const Response = root.lookupType('Response');

interface PlainResponse {
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly expiration?: { readonly seconds?: number; readonly nanos?: number };
  readonly message?: string;
}

export function encodeRequest(request: AuthRequest): Buffer {
  return Buffer.from(Request.encode(Request.create(request)).finish());
}

/** Throws on bytes that are no such message. */
export function decodeResponse(bytes: Uint8Array): AuthResponse {
  const plain: PlainResponse = Response.toObject(Response.decode(bytes), { longs: Number });
  const { status, expiration } = plain;
  return {
    code: status?.code ?? 0,
    message: plain.message || status?.message || '',
    expiresAtMs:
      expiration === undefined
        ? null
        : (expiration.seconds ?? 0) * 1000 + (expiration.nanos ?? 0) / 1e6,
  };
}
