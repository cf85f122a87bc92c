/** A real gRPC server with the service that Envoy's Redis proxy asks about logins. */
import grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';

/** Written down again here, so that a mistake in the product's own description cannot hide. */
const PROTO = `
syntax = "proto3";
package envoy.service.redis_auth.v3;
message Status { int32 code = 1; string message = 2; }
message Timestamp { int64 seconds = 1; int32 nanos = 2; }
message RedisProxyExternalAuthRequest { string username = 1; string password = 2; }
message RedisProxyExternalAuthResponse { Status status = 1; Timestamp expiration = 2; string message = 3; }
`;
const { root } = protobuf.parse(PROTO);
const NAMESPACE = 'envoy.service.redis_auth.v3';
const Request = root.lookupType(`${NAMESPACE}.RedisProxyExternalAuthRequest`);
const Response = root.lookupType(`${NAMESPACE}.RedisProxyExternalAuthResponse`);

export interface Asked {
  readonly username: string;
  readonly password: string;
}

export interface Answer {
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly expiration?: { readonly seconds: number; readonly nanos?: number };
  readonly message?: string;
}

/** Null: the call fails. */
type Judge = (asked: Asked) => Answer | null | Promise<Answer | null>;

const DEFINITION = {
  authenticate: {
    path: `/${NAMESPACE}.RedisProxyExternalAuth/Authenticate`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Asked): Buffer => Buffer.from(Request.encode(value).finish()),
    requestDeserialize: (bytes: Buffer): Asked =>
      Request.toObject(Request.decode(bytes), { defaults: true }) as Asked,
    responseSerialize: (value: Answer): Buffer => Buffer.from(Response.encode(value).finish()),
    responseDeserialize: (bytes: Buffer): Answer => Response.decode(bytes) as Answer,
  },
};

export class AuthService implements AsyncDisposable {
  readonly asked: Asked[] = [];
  judge: Judge = () => ({ status: { code: 0 } });
  port = 0;
  readonly #server = new grpc.Server();

  constructor() {
    this.#server.addService(DEFINITION, {
      authenticate: (call: { request: Asked }, reply: grpc.sendUnaryData<Answer>) => {
        this.asked.push(call.request);
        void this.#answer(call.request, reply);
      },
    });
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  listen(
    port = 0,
    credentials: grpc.ServerCredentials = grpc.ServerCredentials.createInsecure(),
  ): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => {
        this.port = bound;
        if (error === null) resolve(this);
        else reject(error);
      });
    });
  }

  async #answer(asked: Asked, reply: grpc.sendUnaryData<Answer>): Promise<void> {
    const answer = await this.judge(asked);
    if (answer === null) reply({ code: grpc.status.INTERNAL });
    else reply(null, answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }
}

export function startAuthService(port = 0): Promise<AuthService> {
  return new AuthService().listen(port);
}
