/** What a process holds, seen from outside: nothing may grow with use. Reads /proc, so Linux only. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Held {
  /** Open descriptors of any kind. */
  readonly descriptors: number;
  readonly sockets: number;
  /** Processes whose parent this one is. */
  readonly children: number;
}

export function held(pid: number): Held {
  const folder = `/proc/${pid}/fd`;
  const links = readdirSync(folder).map((name) => {
    try {
      return readlinkSync(`${folder}/${name}`);
    } catch {
      // Closed between the two calls.
      return '';
    }
  });
  return {
    descriptors: links.length,
    sockets: links.filter((link) => link.startsWith('socket:')).length,
    children: childrenOf(pid).length,
  };
}

/** Processor time a process has used, its threads included; the kernel counts in ticks of 10 ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(Number(name)) === pid)
    .map(Number);
}

/** Established TCP connections of this machine that end at `port` on the side that listens. */
export function connectionsTo(port: number): number {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => {
    try {
      return readFileSync(file, 'latin1').split('\n').slice(1);
    } catch {
      return [];
    }
  });
  return rows.filter((row) => {
    const [, local, , state] = row.trim().split(/\s+/);
    return local?.endsWith(wanted) === true && state === '01';
  }).length;
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return -1;
  }
}
