/** Several clients who wait for each other, at a real server and at an engine: who gets what must be the same. */
import assert from 'node:assert/strict';
import { Engine } from '../../src/engine/engine.ts';
import { until } from './bounded.ts';
import { EngineClient } from './engine.ts';
import type { TestRedis } from './redis.ts';
import type { Wire } from './wire.ts';

const HISTORY_SHOWN = 20;
const STEP_MS = 1;

interface Player {
  wire: Wire;
  client: EngineClient;
  id: string;
}

export class Scene {
  readonly engine: Engine = new Engine();
  /** Put into messages: what brings this scene back. */
  readonly title: string;
  readonly #server: TestRedis;
  readonly #protocol: 2 | 3;
  readonly #players: Player[] = [];
  readonly #history: string[] = [];

  private constructor(server: TestRedis, protocol: 2 | 3, title: string) {
    this.#server = server;
    this.#protocol = protocol;
    this.title = title;
  }

  static async open(
    server: TestRedis,
    players: number,
    { protocol = 2, title = '' }: { protocol?: 2 | 3; title?: string } = {},
  ): Promise<Scene> {
    await server.ask('FLUSHALL');
    const scene = new Scene(server, protocol, title);
    for (let i = 0; i < players; i++) scene.#players.push(await scene.#connect());
    return scene;
  }

  /** One client sends a command; both must answer alike, or make the client wait, and so must all that were waiting. */
  async play(index: number, ...words: readonly string[]): Promise<void> {
    const { wire, client } = this.#players[index]!;
    this.#history.push(`${index}: ${words.map((word) => JSON.stringify(word)).join(' ')}`);
    wire.send(...words);
    const found = client.ask(words);
    if (found !== null) assert.equal(found, await this.#read(wire), this.#message());
    await this.#settle();
  }

  async select(index: number, database: number): Promise<void> {
    const { wire, client } = this.#players[index]!;
    await wire.expect('+OK\r\n', 'SELECT', database);
    client.database = database;
  }

  isWaiting(index: number): boolean {
    return this.#players[index]!.client.isWaiting;
  }

  async unblock(index: number, withError: boolean): Promise<void> {
    const { client, id } = this.#players[index]!;
    this.#history.push(`${index} is unblocked ${withError ? 'with an error' : ''}`);
    await this.#server.ask('CLIENT', 'UNBLOCK', id, withError ? 'ERROR' : 'TIMEOUT');
    client.unblock(withError);
    await this.#settle();
  }

  /** The client goes, and another one comes in its place. */
  async leave(index: number): Promise<void> {
    const { wire, client } = this.#players[index]!;
    this.#history.push(`${index} leaves`);
    await wire[Symbol.asyncDispose]();
    client.leave();
    this.#players[index] = await this.#connect();
    await this.#settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { wire } of this.#players) await wire[Symbol.asyncDispose]();
    await this.engine.close();
  }

  async #connect(): Promise<Player> {
    const wire = await this.#server.connect({ protocol: this.#protocol });
    const id = (await wire.ask('CLIENT', 'ID')).slice(1).trim();
    const client = new EngineClient(this.engine);
    client.protocol = this.#protocol;
    return { wire, client, id };
  }

  /** Everybody whom the engine has answered meanwhile is answered by the server too, and nobody else. */
  async #settle(): Promise<void> {
    for (const { wire, client } of this.#players) {
      for (const found of client.later.splice(0)) {
        assert.equal(found, await this.#read(wire), this.#message());
      }
    }
    const wanted = `blocked_clients:${this.engine.blocked.count}\r\n`;
    const isSettled = async (): Promise<boolean> =>
      (await this.#server.ask('INFO', 'clients')).includes(wanted);
    const message = `the server has ${wanted.trim()}\n${this.#message()}`;
    await until(isSettled, message, undefined, STEP_MS);
  }

  #read(wire: Wire): Promise<string> {
    return wire.read().catch((error: unknown) => assert.fail(`${error}\n${this.#message()}`));
  }

  #message(): string {
    return `${this.title}, RESP${this.#protocol}\n${this.#history.slice(-HISTORY_SHOWN).join('\n')}`;
  }
}
