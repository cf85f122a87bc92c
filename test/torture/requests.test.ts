/** The torture is worth what its checks see: a reply that strays must be noticed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../support/random.ts';
import { bulk } from '../support/wire.ts';
import { type Request, RequestMaker } from './requests.ts';

/** What a healthy server answers; `SET` and its `GET` come as a pair. */
function answer({ args }: Request, stored: Map<string, string>): string {
  const [command = '', key = '', value = ''] = args;
  switch (command) {
    case 'ECHO':
    case 'PING':
      return bulk(key);
    case 'SET':
      stored.set(key, value);
      return '+OK\r\n';
    case 'GET':
      return bulk(stored.get(key) ?? key);
    case 'MGET':
      return `*${args.length - 1}\r\n${args.slice(1).map(bulk).join('')}`;
    case 'EVAL':
      return bulk(`${args[3]}${args[4]}`);
    case 'LLEN':
      return '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n';
    default:
      return `:${args.length - 1}\r\n`;
  }
}

test('right replies are found right, and a shift by one is noticed in every pipeline of some length', () => {
  const maker = new RequestMaker(new Random(11), 3, 0, 2);
  const stored = new Map<string, string>();
  for (let round = 0; round < 200; round++) {
    const requests = maker.pipeline(25);
    const replies = requests.map((request) => answer(request, stored));
    for (const [index, request] of requests.entries()) {
      assert.equal(request.check(replies[index]!), null, request.args.join(' '));
    }
    if (requests.length < 8) continue;
    const shifted = requests.filter(
      (request, at) => request.check(replies[at - 1] ?? '+OK\r\n') !== null,
    );
    assert.ok(shifted.length >= requests.length / 3, `${shifted.length} of ${requests.length}`);
  }
});
