/** The part of the schema below `listeners.<name>`. */
import * as z from 'zod';
import { concurrencySchema, externalAuthSchema, faultSchema } from './access-schema.ts';
import type {
  ListenerConfig,
  ListenerLimits,
  ListenerTlsConfig,
  MirrorConfig,
  RouteConfig,
  UserConfig,
} from './config.ts';
import { duration, flag, integer, listenAddress, percentage, rate, size, text } from './fields.ts';
import type { Resources } from './resources.ts';
import { certificateFile, exchangeableSecret, keyFile, problemOfPair } from './secret-fields.ts';

const COUNT_MAX = 1_000_000;
const GB = 1024 ** 3;
/** Small enough to try a limit out, large enough for an ordinary command. */
const SIZE_MIN = 64;
const WORD = '^[^\\s\\x00-\\x1f]+$';
const UPSTREAM = 'the name of an upstream';
/** As `ACL SETUSER` has them: categories, commands, subcommands, and the two words for all and none. */
const COMMAND_RULE =
  '^(([+-](@[a-z]+|[A-Za-z0-9_.-]+(\\|[A-Za-z0-9_.-]+)?))|allcommands|nocommands)$';

export function listenerSchema(resources: Resources): z.ZodType<ListenerConfig> {
  return z
    .strictObject({
      listen: listenAddress('Where clients connect. Port 0: any free one.', resources),
      tls: tlsSchema(resources).optional(),
      users: z
        .array(userSchema(resources))
        .describe(
          'Who may connect; without users, and without `external_auth`, nobody is asked for a password.',
        )
        .prefault([]),
      external_auth: externalAuthSchema(resources).optional(),
      max_connections: integer('Clients at one time; more are refused.', 1, 10_000_000).prefault(
        10_000,
      ),
      idle_timeout: duration('A silent client is closed after this; 0s: never.', 'zero').prefault(
        '0s',
      ),
      concurrency: concurrencySchema().prefault('unlimited'),
      custom_commands: z
        .array(text('A command.', 'the name of a command', WORD))
        .describe('Commands of modules: their first argument is taken for the key.')
        .prefault([]),
      routes: z
        .array(routeSchema())
        .min(1)
        .describe('Which upstream a key belongs to: the longest prefix wins, `""` catches all.'),
      case_insensitive_prefixes: flag('Prefixes match in upper and lower case.').prefault(false),
      faults: z
        .array(faultSchema())
        .describe('Faults on purpose, to try out what applications do about them.')
        .prefault([]),
      limits: limitsSchema(),
    })
    .transform(
      (value): ListenerConfig => ({
        listen: value.listen,
        tls: value.tls ?? null,
        users: value.users,
        externalAuth: value.external_auth ?? null,
        maxConnections: value.max_connections,
        concurrency: value.concurrency === 'unlimited' ? null : value.concurrency,
        idleTimeoutMs: value.idle_timeout,
        customCommands: value.custom_commands.map((name) => name.toLowerCase()),
        routes: value.routes,
        caseInsensitivePrefixes: value.case_insensitive_prefixes,
        faults: value.faults,
        limits: value.limits,
      }),
    );
}

function tlsSchema(resources: Resources): z.ZodType<ListenerTlsConfig> {
  return z
    .strictObject({
      cert: certificateFile('Certificate to show, with its chain.', resources),
      key: keyFile('Private key of `cert`.', resources),
      client_ca: certificateFile(
        'Present: clients must show a certificate signed by one of these.',
        resources,
      ).optional(),
    })
    .transform((value, context): ListenerTlsConfig => {
      const problem = problemOfPair(value.key, value.cert);
      if (problem !== null) context.addIssue({ code: 'custom', message: problem, path: ['key'] });
      return { cert: value.cert, key: value.key, clientCa: value.client_ca ?? null };
    })
    .describe('Present: clients connect with TLS.');
}

function userSchema(resources: Resources): z.ZodType<UserConfig> {
  return z
    .strictObject({
      name: text('Name; `default` is who sends a password alone.', 'a name', WORD),
      password: exchangeableSecret('The password.', resources).optional(),
      passwords: z
        .array(exchangeableSecret('A password.', resources))
        .describe('Several passwords, any of which opens: for changing them without a gap.')
        .optional(),
      keys: z
        .array(text('A pattern.', 'a pattern such as app:*', '.'))
        .describe('Patterns of keys the user may use.')
        .prefault(['*']),
      commands: z
        .array(
          text('A rule.', 'a rule such as +@all, -@dangerous, +get or -config|set', COMMAND_RULE),
        )
        .describe('What the user may run; a later rule wins over an earlier one.')
        .prefault(['+@all']),
      rate: rate(
        'Commands per second of all its clients together; those beyond it wait, unread. Unlimited when absent.',
      ).optional(),
    })
    .transform((value): UserConfig => {
      const passwords = [...(value.passwords ?? [])];
      if (value.password !== undefined) passwords.unshift(value.password);
      const { name, keys, commands } = value;
      return { name, passwords, keys, commands, rate: value.rate ?? null };
    });
}

function routeSchema(): z.ZodType<RouteConfig> {
  return z
    .strictObject({
      prefix: text('What keys begin with; `""` matches all.', 'text'),
      remove_prefix: flag('The server sees keys without the prefix.').prefault(false),
      key_format: text(
        'What the server sees for a key, after the prefix is removed.',
        'text around %KEY%',
        '^[^%]*%KEY%[^%]*$',
      ).prefault('%KEY%'),
      upstream: text('Who answers.', UPSTREAM, '.'),
      read_upstream: text('Who answers commands that only read.', UPSTREAM, '.').optional(),
      mirror: z
        .array(mirrorSchema())
        .describe('Upstreams that get a copy; they neither delay nor fail the answer.')
        .prefault([]),
    })
    .transform(
      (value): RouteConfig => ({
        prefix: value.prefix,
        removePrefix: value.remove_prefix,
        keyFormat: value.key_format,
        upstream: value.upstream,
        readUpstream: value.read_upstream ?? null,
        mirror: value.mirror,
      }),
    );
}

function mirrorSchema(): z.ZodType<MirrorConfig> {
  return z
    .strictObject({
      upstream: text('Who gets the copy.', UPSTREAM, '.'),
      percent: percentage('Part of the commands that is copied.').prefault(100),
      exclude_reads: flag('Only writes are copied.').prefault(false),
    })
    .transform(
      (value): MirrorConfig => ({
        upstream: value.upstream,
        percent: value.percent,
        excludeReads: value.exclude_reads,
      }),
    );
}

function limitsSchema(): z.ZodType<ListenerLimits> {
  return z
    .strictObject({
      max_bulk: size('One argument.', SIZE_MIN, GB).prefault('512mb'),
      max_elements: integer('Arguments of one command.', 1, 16_777_216).prefault(1_048_576),
      max_inline: size('One inline command.', SIZE_MIN, GB).prefault('64kb'),
      max_pipeline: integer(
        'Commands of one client under way; then it is not read.',
        1,
        COUNT_MAX,
      ).prefault(4096),
      max_in_flight: size(
        'Bytes of commands of one client under way; then it is not read.',
        SIZE_MIN,
        4 * GB,
      ).prefault('64mb'),
      max_output_buffer: size(
        'Replies a slow client has not read; then it is closed.',
        SIZE_MIN,
        64 * GB,
      ).prefault('256mb'),
    })
    .transform(
      (value): ListenerLimits => ({
        maxBulkBytes: value.max_bulk,
        maxElements: value.max_elements,
        maxInlineBytes: value.max_inline,
        maxPipeline: value.max_pipeline,
        maxInFlightBytes: value.max_in_flight,
        maxOutputBufferBytes: value.max_output_buffer,
      }),
    )
    .describe('Bounds of what one client may ask for.')
    .prefault({});
}
