/** MULTI, EXEC and what belongs to them (https://redis.io/docs/latest/develop/interact/transactions/). */
import {
  DISCARD_WITHOUT_MULTI,
  EXEC_WITHOUT_MULTI,
  MULTI_NESTED,
  WATCH_INSIDE_MULTI,
} from '../../resp/errors.ts';
import { Call, type Handler } from '../call.ts';

function multi({ client, reply }: Call): void {
  if (client.queue !== null) {
    reply.error(MULTI_NESTED);
    return;
  }
  client.queue = [];
  reply.ok();
}

function exec(call: Call): void {
  const { client, engine, reply } = call;
  const { queue } = client;
  if (queue === null) {
    reply.error(EXEC_WITHOUT_MULTI);
    return;
  }
  client.queue = null;
  const isDirty = client.isDirty;
  engine.watches.forget(client);
  if (isDirty) {
    reply.nullArray();
    return;
  }
  reply.array(queue.length);
  const inner = new Call(engine);
  const log = engine.persistence?.store.log;
  log?.beginTransaction();
  for (const command of queue) {
    engine.execute(inner, command, client);
    reply.append(inner.reply.bytes, 0, inner.reply.length);
  }
  log?.endTransaction();
}

function discard({ client, engine, reply }: Call): void {
  if (client.queue === null) {
    reply.error(DISCARD_WITHOUT_MULTI);
    return;
  }
  client.queue = null;
  engine.watches.forget(client);
  reply.ok();
}

function watch(call: Call): void {
  const { client, engine, reply } = call;
  if (client.queue !== null) {
    reply.error(WATCH_INSIDE_MULTI);
    return;
  }
  for (let i = 1; i < call.argc; i++) {
    engine.watches.add(client, call.db, call.bytes, call.start(i), call.end(i));
  }
  reply.ok();
}

function unwatch({ client, engine, reply }: Call): void {
  engine.watches.forget(client);
  reply.ok();
}

export const TRANSACTION_COMMANDS: Readonly<Record<string, Handler>> = {
  multi,
  exec,
  discard,
  watch,
  unwatch,
};
