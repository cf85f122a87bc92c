/**
 * PUBLISH, SPUBLISH and PUBSUB (https://redis.io/docs/latest/develop/interact/pubsub/). Who subscribes is the door's
 * business: see publishing.ts.
 */
import { globMatches } from '../../core/glob.ts';
import type { Call, Handler } from '../call.ts';
import { replyHelp } from './help.ts';

type Kind = 'channel' | 'shard';

/** `PUBSUB CHANNELS pattern` and no more. */
const CHANNELS_ARGUMENTS_MAX = 3;

function publishTo(call: Call, kind: Kind): void {
  call.reply.integer(call.engine.publishing.publish(kind, call.copyOf(1), call.copyOf(2)));
}

function channels(call: Call, kind: Kind): void {
  const { reply } = call;
  if (call.argc > CHANNELS_ARGUMENTS_MAX) {
    const written = call.text(1);
    reply.error(
      `ERR unknown subcommand or wrong number of arguments for '${written}'. Try PUBSUB HELP.`,
    );
    return;
  }
  const pattern = call.argc === CHANNELS_ARGUMENTS_MAX ? call.copyOf(2) : null;
  const names = [...call.engine.publishing.names(kind)].filter((name) => {
    const bytes = Buffer.from(name, 'latin1');
    return pattern === null || globMatches(pattern, bytes, 0, bytes.length);
  });
  reply.array(names.length);
  for (const name of names) reply.bulkText(name);
}

function counts(call: Call, kind: Kind): void {
  const { reply } = call;
  reply.array((call.argc - 2) * 2);
  for (let i = 2; i < call.argc; i++) {
    reply.bulk(call.bytes, call.start(i), call.end(i));
    reply.integer(call.engine.publishing.count(kind, call.text(i)));
  }
}

function patterns({ engine, reply }: Call): void {
  reply.integer(engine.publishing.names('pattern').size);
}

function help({ reply }: Call): void {
  replyHelp(reply, 'PUBSUB', [
    'CHANNELS [<pattern>]',
    "    Return the currently active channels matching a <pattern> (default: '*').",
    'NUMPAT',
    '    Return number of subscriptions to patterns.',
    'NUMSUB [<channel> ...]',
    '    Return the number of subscribers for the specified channels, excluding',
    '    pattern subscriptions(default: no channels).',
    'SHARDCHANNELS [<pattern>]',
    "    Return the currently active shard level channels matching a <pattern> (default: '*').",
    'SHARDNUMSUB [<shardchannel> ...]',
    '    Return the number of subscribers for the specified shard level channel(s)',
  ]);
}

export const PUBSUB_COMMANDS: Readonly<Record<string, Handler>> = {
  publish: (call) => publishTo(call, 'channel'),
  spublish: (call) => publishTo(call, 'shard'),
  'pubsub|channels': (call) => channels(call, 'channel'),
  'pubsub|shardchannels': (call) => channels(call, 'shard'),
  'pubsub|numsub': (call) => counts(call, 'channel'),
  'pubsub|shardnumsub': (call) => counts(call, 'shard'),
  'pubsub|numpat': patterns,
  'pubsub|help': help,
};
