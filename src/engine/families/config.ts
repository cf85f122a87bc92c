/** CONFIG (https://redis.io/docs/latest/commands/config-get/ and its like). */
import type { Call, Handler } from '../call.ts';
import { replyHelp } from './help.ts';

function get(call: Call): void {
  const { reply, engine } = call;
  const patterns = Array.from({ length: call.argc - 2 }, (_none, i) => call.text(i + 2));
  const found = engine.config.matching(patterns);
  reply.map(found.length);
  for (const [name, value] of found) {
    reply.bulkText(name);
    reply.bulkText(value);
  }
}

function set(call: Call): void {
  const { reply, engine } = call;
  if (call.argc % 2 !== 0) {
    reply.error("ERR wrong number of arguments for 'config|set' command");
    return;
  }
  const pairs = Array.from({ length: (call.argc - 2) / 2 }, (_none, i): [string, string] => [
    call.text(i * 2 + 2),
    call.text(i * 2 + 3),
  ]);
  const fault = engine.config.set(pairs);
  if (fault === null) reply.ok();
  else reply.error(fault);
}

function resetstat({ engine, reply }: Call): void {
  engine.resetStatistics();
  reply.ok();
}

function rewrite({ reply }: Call): void {
  reply.error('ERR The server is running without a config file');
}

function help({ reply }: Call): void {
  replyHelp(reply, 'CONFIG', [
    'GET <pattern>',
    '    Return parameters matching the glob-like <pattern> and their values.',
    'SET <directive> <value>',
    '    Set the configuration <directive> to <value>.',
    'RESETSTAT',
    '    Reset statistics reported by the INFO command.',
    'REWRITE',
    '    Rewrite the configuration file.',
  ]);
}

export const CONFIG_COMMANDS: Readonly<Record<string, Handler>> = {
  'config|get': get,
  'config|set': set,
  'config|resetstat': resetstat,
  'config|rewrite': rewrite,
  'config|help': help,
};
