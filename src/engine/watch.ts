/** Who watches which keys (https://redis.io/docs/latest/commands/watch/). */
import type { Client } from './client.ts';
import type { Database } from './keyspace.ts';

export class Watches {
  readonly #clients: Map<string, Set<Client>> = new Map();

  /** Nobody watches anything: the usual case, and all that most changes look at. */
  get isEmpty(): boolean {
    return this.#clients.size === 0;
  }

  add(client: Client, database: Database, bytes: Buffer, start: number, end: number): void {
    const key = nameOf(database, bytes, start, end);
    if (client.watched.has(key)) return;
    client.watched.add(key);
    const clients = this.#clients.get(key);
    if (clients === undefined) this.#clients.set(key, new Set([client]));
    else clients.add(client);
  }

  forget(client: Client): void {
    for (const key of client.watched) {
      const clients = this.#clients.get(key)!;
      clients.delete(client);
      if (clients.size === 0) this.#clients.delete(key);
    }
    client.watched.clear();
    client.isDirty = false;
  }

  onChanged(database: Database, bytes: Buffer, start: number, end: number): void {
    const clients = this.#clients.get(nameOf(database, bytes, start, end));
    if (clients !== undefined) for (const client of clients) client.isDirty = true;
  }

  /** A database has become another one: whatever is watched in it, or was, counts as changed. */
  onSwapped(database: Database): void {
    const prefix = `${database.index}:`;
    for (const [name, clients] of this.#clients) {
      if (!name.startsWith(prefix)) continue;
      for (const client of clients) client.isDirty = true;
    }
  }

  /** All keys of a database that somebody watches: they are about to go. `exists` says which are there. */
  onFlushed(database: Database, exists: (key: Buffer) => boolean): void {
    const prefix = `${database.index}:`;
    for (const [name, clients] of this.#clients) {
      if (!name.startsWith(prefix)) continue;
      if (!exists(Buffer.from(name.slice(prefix.length), 'latin1'))) continue;
      for (const client of clients) client.isDirty = true;
    }
  }
}

function nameOf(database: Database, bytes: Buffer, start: number, end: number): string {
  return `${database.index}:${bytes.toString('latin1', start, end)}`;
}
