/** What INFO tells of the door itself, where several servers stand behind it: a section beside theirs. */
import type { About } from '../routing/merge-info.ts';
import type { Clients } from './clients.ts';
import type { ListenerFigures } from './figures.ts';

/** Figures are those of the worker and listener the client is connected to. */
export function about(version: string, clients: Clients, figures: ListenerFigures): About {
  return {
    section: 'Tidegate',
    fields: () => [
      ['tidegate_version', version],
      ['tidegate_process_id', process.pid],
      ['tidegate_uptime_in_seconds', Math.floor(process.uptime())],
      ['tidegate_connected_clients', clients.sessions.size],
      ['tidegate_connections_received', figures.connectionsTotal],
      ['tidegate_connections_rejected', figures.connectionsRefused],
      ['tidegate_commands_processed', figures.commands],
      ['tidegate_error_replies', figures.errorReplies],
      ['tidegate_net_input_bytes', figures.bytesRead],
      ['tidegate_net_output_bytes', figures.bytesWritten],
    ],
  };
}
