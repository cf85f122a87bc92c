/** Transport sockets: certificates, keys and authorities, which here are always files. */
import type { Message } from './message.ts';
import { fileOf, type Section, typedConfig } from './values.ts';

/** Secrets of `static_resources` by name. */
export type Secrets = ReadonlyMap<string, Message>;

interface Common {
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly ca: string | undefined;
  /** The name that a certificate must bear. */
  readonly name: string | null;
}

const RAW = ['RawBuffer', 'raw_buffer'];

/** Of a filter chain. */
export function downstreamTls(chain: Message, secrets: Secrets, as: string): Section | undefined {
  const context = contextOf(chain, 'DownstreamTlsContext');
  if (context === null) return undefined;
  const demandsCertificate = context.flag('require_client_certificate');
  context.tell('session_ticket_keys', 'sessions are not shared between gateways: left out');
  context.skip('session_timeout');
  const { cert, key, ca } = commonOf(context, secrets, as);
  if (ca !== undefined && !demandsCertificate) {
    context.note(
      'Envoy also lets in clients without a certificate; here it is all or none, and it is none: add client_ca to demand one',
    );
  }
  if (ca === undefined && demandsCertificate) {
    context.note('no authority for certificates of clients: add client_ca to demand them');
  }
  return { cert, key, client_ca: demandsCertificate ? ca : undefined };
}

/** Of a cluster. */
export function upstreamTls(cluster: Message, secrets: Secrets, as: string): Section | undefined {
  const context = contextOf(cluster, 'UpstreamTlsContext');
  if (context === null) return undefined;
  const sni = context.text('sni');
  context.skip('auto_host_sni', 'max_session_keys');
  const { cert, key, ca, name } = commonOf(context, secrets, as);
  if (ca === undefined) {
    context.note(
      'Envoy does not verify the server without trusted_ca; here it is verified, by the authorities of the machine unless ca names others',
    );
  } else if (name === null) {
    context.note(
      'Envoy does not look at the name in the certificate; here it must be server_name, or the host',
    );
  }
  if (name !== null && sni !== null && name !== sni) {
    context.note(`server_name is both what is asked for and what is expected: ${name}, not ${sni}`);
  }
  return { ca, cert, key, server_name: name ?? sni ?? undefined };
}

function contextOf(holder: Message, type: string): Message | null {
  const socket = holder.message('transport_socket');
  if (socket === null) return null;
  const typed = typedConfig(socket);
  const name = socket.text('name') ?? '';
  if (typed !== null && typed.type === type) return typed.body;
  const isRaw = RAW.some((word) => typed?.type === word || name.endsWith(word));
  if (!isRaw) socket.leaveOut(`only TLS and plain connections are known, not ${name}`);
  return null;
}

function commonOf(context: Message, secrets: Secrets, as: string): Common {
  const common = context.message('common_tls_context');
  if (common === null) return { cert: undefined, key: undefined, ca: undefined, name: null };
  common.tell('tls_params', 'versions and ciphers are those Node allows');
  common.tell('alpn_protocols', 'Redis needs no ALPN: left out');
  const pair = certificateOf(common, secrets);
  const validation = validationOf(common, secrets);
  return {
    cert: pair === null ? undefined : pemFile(pair.message('certificate_chain'), `${as}-cert.pem`),
    key: pair === null ? undefined : pemFile(pair.message('private_key'), `${as}-key.pem`),
    ca: authorityOf(validation, as),
    name: validation === null ? null : expectedName(validation),
  };
}

function certificateOf(common: Message, secrets: Secrets): Message | null {
  const own = common.messages('tls_certificates');
  const named = secretsNamed(
    common.messages('tls_certificate_sds_secret_configs'),
    'tls_certificate',
    secrets,
  );
  const [pair, ...more] = [...own, ...named];
  for (const other of more) other.leaveOut('one certificate per listener: left out');
  pair?.tell('password', 'keys must not be encrypted here: decrypt the file');
  return pair ?? null;
}

function validationOf(common: Message, secrets: Secrets): Message | null {
  const combined = common.message('combined_validation_context');
  const holder = combined ?? common;
  const own =
    combined?.message('default_validation_context') ?? common.message('validation_context');
  const reference = holder.message('validation_context_sds_secret_config');
  if (reference === null) return own;
  const [named] = secretsNamed([reference], 'validation_context', secrets);
  return own ?? named ?? null;
}

function secretsNamed(references: readonly Message[], kind: string, secrets: Secrets): Message[] {
  return references.flatMap((reference) => {
    const name = reference.text('name') ?? '';
    const found = secrets.get(name)?.message(kind) ?? null;
    if (found !== null && !reference.has('sds_config')) return [found];
    reference.leaveOut(`secret ${JSON.stringify(name)} comes from a server: name files instead`);
    return [];
  });
}

function authorityOf(validation: Message | null, as: string): string | undefined {
  if (validation === null) return undefined;
  validation.skip('system_root_certs');
  return pemFile(validation.message('trusted_ca'), `${as}-ca.pem`);
}

/** `match_typed_subject_alt_names` with one whole name. */
function expectedName(validation: Message): string | null {
  const typed = validation.messages('match_typed_subject_alt_names');
  const names = typed.flatMap((each) => {
    each.skip('san_type');
    return each.message('matcher')?.text('exact') ?? [];
  });
  if (names.length !== typed.length || names.length > 1) {
    validation.note('one name is expected of a server here, and it is whole: server_name');
  }
  return names[0] ?? null;
}

/** A path as it is. What stands in the file itself has to become a file first, whose name is proposed. */
function pemFile(source: Message | null, proposal: string): string | undefined {
  if (source === null) return undefined;
  const file = fileOf(source);
  if (file !== null) return file;
  source.leaveOut(`certificates and keys are files here: write this one to ${proposal}`);
  return proposal;
}
