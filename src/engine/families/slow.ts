/** SLOWLOG and LATENCY (https://redis.io/docs/latest/commands/slowlog-get/, .../latency-latest/). */
import type { Call, Handler } from '../call.ts';
import { replyHelp } from './help.ts';

const SHOWN = 10;
const BAD_COUNT = 'ERR count should be greater than or equal to -1';

function slowlogGet(call: Call): void {
  const { engine, reply } = call;
  const count = call.argc > 2 ? call.count(2) : SHOWN;
  if (count === null || count < -1) {
    reply.error(BAD_COUNT);
    return;
  }
  const shown = engine.slowLog.entries.slice(0, count < 0 ? undefined : count);
  reply.array(shown.length);
  for (const { id, at, micros, words } of shown) {
    reply.array(6);
    reply.integer(id);
    reply.integer(at);
    reply.integer(micros);
    reply.array(words.length);
    for (const word of words) reply.bulk(word, 0, word.length);
    reply.bulkText('');
    reply.bulkText('');
  }
}

function slowlogLen({ engine, reply }: Call): void {
  reply.integer(engine.slowLog.entries.length);
}

function slowlogReset({ engine, reply }: Call): void {
  engine.slowLog.entries = [];
  reply.ok();
}

function slowlogHelp({ reply }: Call): void {
  replyHelp(reply, 'SLOWLOG', [
    'GET [<count>]',
    '    Return top <count> entries from the slowlog (default: 10, -1 mean all).',
    '    Entries are made of:',
    '    id, timestamp, time in microseconds, arguments array, client IP and port,',
    '    client name',
    'LEN',
    '    Return the length of the slowlog.',
    'RESET',
    '    Reset the slowlog.',
  ]);
}

const NO_MONITOR =
  "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a deep space mission I'd suggest to take a look at https://redis.io/topics/latency-monitor.\n";

/** Events of a process that forks, writes to disk in the foreground and so on: this one has none. */
function noEvents({ reply }: Call): void {
  reply.array(0);
}

function latencyReset({ reply }: Call): void {
  reply.integer(0);
}

function latencyGraph(call: Call): void {
  call.reply.error(`ERR No samples available for event '${call.text(2)}'`);
}

function latencyDoctor({ reply }: Call): void {
  reply.verbatim('txt', Buffer.from(NO_MONITOR));
}

function latencyHistogram({ reply }: Call): void {
  reply.map(0);
}

function latencyHelp({ reply }: Call): void {
  replyHelp(reply, 'LATENCY', [
    'DOCTOR',
    '    Return a human readable latency analysis report.',
    'GRAPH <event>',
    '    Return an ASCII latency graph for the <event> class.',
    'HISTORY <event>',
    '    Return time-latency samples for the <event> class.',
    'LATEST',
    '    Return the latest latency samples for all events.',
    'RESET [<event> ...]',
    '    Reset latency data of one or more <event> classes.',
    '    (default: reset all data for all event classes)',
    'HISTOGRAM [COMMAND ...]',
    '    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.',
    '    If no commands are specified then all histograms are replied.',
  ]);
}

export const SLOW_COMMANDS: Readonly<Record<string, Handler>> = {
  'slowlog|get': slowlogGet,
  'slowlog|len': slowlogLen,
  'slowlog|reset': slowlogReset,
  'slowlog|help': slowlogHelp,
  'latency|history': noEvents,
  'latency|latest': noEvents,
  'latency|reset': latencyReset,
  'latency|graph': latencyGraph,
  'latency|doctor': latencyDoctor,
  'latency|histogram': latencyHistogram,
  'latency|help': latencyHelp,
};
