/**
 * Commands without keys where several servers stand behind the door: what no single one of them can answer.
 *
 * INFO is answered for the door itself, since many clients ask it before they say anything else and want to
 * hear that nothing is loading. Everything else is refused: one server's part would pass for the whole.
 */
import { type Backend, NOTHING_TO_LEND, type Refusal, type Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { ByteQueue } from '../core/bytes.ts';
import { encodeValue } from '../resp/encoder.ts';
import { error, type Value } from '../resp/value.ts';
import type { Clients } from './clients.ts';
import type { ListenerFigures } from './figures.ts';

type Section = readonly (readonly [string, string | number])[];

/** Words that mean every section. */
const EVERYTHING = ['all', 'default', 'everything'];

export class Door implements Backend {
  readonly #version: string;
  readonly #clients: Clients;
  readonly #figures: ListenerFigures;

  constructor(version: string, clients: Clients, figures: ListenerFigures) {
    this.#version = version;
    this.#clients = clients;
    this.#figures = figures;
  }

  dispatch(command: Command, sink: Sink): void {
    const out = new ByteQueue();
    encodeValue(out, this.#answer(command), command.protocol);
    sink.reply(out.bytes, 0, out.length);
    out.clear();
  }

  lease(): Refusal {
    return NOTHING_TO_LEND;
  }

  async close(): Promise<void> {
    // Nothing is held.
  }

  #answer(command: Command): Value {
    const { name } = command.spec;
    if (name === 'info') return { verbatim: this.#info(command), format: 'txt' };
    const what = name.replace('|', ' ');
    return error(
      `ERR '${what}' names no key and several servers are behind this door: this version does not ask them all`,
    );
  }

  #info(command: Command): string {
    const wanted = new Set<string>();
    for (let i = 1; i < command.argc; i++) wanted.add(command.text(i).toLowerCase());
    const all = wanted.size === 0 || EVERYTHING.some((word) => wanted.has(word));
    return Object.entries(this.#sections())
      .filter(([section]) => all || wanted.has(section.toLowerCase()))
      .map(([section, fields]) => {
        const lines = fields.map(([field, value]) => `${field}:${value}\r\n`);
        return `# ${section}\r\n${lines.join('')}`;
      })
      .join('\r\n');
  }

  #sections(): Readonly<Record<string, Section>> {
    const uptime = Math.floor(process.uptime());
    return {
      Server: [
        ['tidegate_version', this.#version],
        ['redis_mode', 'standalone'],
        ['process_id', process.pid],
        ['uptime_in_seconds', uptime],
        ['uptime_in_days', Math.floor(uptime / 86_400)],
      ],
      Clients: [['connected_clients', this.#clients.sessions.size]],
      Persistence: [['loading', 0]],
      Stats: [
        ['total_connections_received', this.#figures.connectionsTotal],
        ['total_commands_processed', this.#figures.commands],
        ['rejected_connections', this.#figures.connectionsRefused],
        ['total_net_input_bytes', this.#figures.bytesRead],
        ['total_net_output_bytes', this.#figures.bytesWritten],
        ['total_error_replies', this.#figures.errorReplies],
      ],
      Replication: [['role', 'master']],
    };
  }
}
