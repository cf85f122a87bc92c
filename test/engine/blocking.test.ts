/** Clients that wait for lists: scenes of several, at a real server and at the engine. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Scene } from '../support/engine-scene.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

let server: TestRedis;
before(async () => {
  server = await startRedis();
});
after(async () => server[Symbol.asyncDispose]());

type Step = readonly [player: number, ...words: string[]];

/** Player 0 never waits. */
const SCENES: Readonly<Record<string, readonly Step[]>> = {
  'who came first is served first': [
    [1, 'BLPOP', 'a', '0'],
    [2, 'BRPOP', 'a', '0'],
    [3, 'BLPOP', 'a', '0'],
    [0, 'RPUSH', 'a', 'x'],
    [0, 'RPUSH', 'a', 'y', 'z', 'rest'],
    [0, 'LRANGE', 'a', '0', '-1'],
  ],
  'the first key that has something is taken at once': [
    [0, 'RPUSH', 'b', 'x'],
    [0, 'RPUSH', 'c', 'y'],
    [1, 'BLPOP', 'a', 'c', 'b', '0'],
  ],
  'of several keys written in a transaction the first written serves': [
    [1, 'BLPOP', 'a', 'b', '0'],
    [2, 'BLMPOP', '0', '2', 'a', 'b', 'LEFT', 'COUNT', '5'],
    [0, 'MULTI'],
    [0, 'RPUSH', 'b', '1', '2', '3'],
    [0, 'RPUSH', 'a', '4', '5'],
    [0, 'EXEC'],
    [0, 'LRANGE', 'a', '0', '-1'],
    [0, 'LRANGE', 'b', '0', '-1'],
  ],
  'a key that is gone again at the end of a transaction serves nobody': [
    [1, 'BLPOP', 'a', '0'],
    [0, 'MULTI'],
    [0, 'RPUSH', 'a', '1'],
    [0, 'DEL', 'a'],
    [0, 'EXEC'],
    [0, 'RPUSH', 'a', '2'],
  ],
  'a chain of moves': [
    [1, 'BLMOVE', 'a', 'b', 'LEFT', 'RIGHT', '0'],
    [2, 'BRPOPLPUSH', 'b', 'c', '0'],
    [3, 'BLPOP', 'c', '0'],
    [0, 'RPUSH', 'a', 'x'],
    [0, 'DBSIZE'],
  ],
  'a chain of moves that is served from its end': [
    [3, 'BLPOP', 'c', '0'],
    [2, 'BLMOVE', 'b', 'c', 'LEFT', 'LEFT', '0'],
    [1, 'BLMOVE', 'a', 'b', 'LEFT', 'RIGHT', '0'],
    [0, 'MULTI'],
    [0, 'RPUSH', 'a', 'x', 'y'],
    [0, 'RPUSH', 'c', 'z'],
    [0, 'EXEC'],
    [0, 'LRANGE', 'a', '0', '-1'],
    [0, 'LRANGE', 'b', '0', '-1'],
    [0, 'LRANGE', 'c', '0', '-1'],
  ],
  'a move of a list to itself leaves something for the next': [
    [1, 'BLMOVE', 'a', 'a', 'LEFT', 'RIGHT', '0'],
    [2, 'BRPOPLPUSH', 'a', 'a', '0'],
    [3, 'BLPOP', 'a', '0'],
    [0, 'RPUSH', 'a', 'x', 'y'],
    [0, 'LRANGE', 'a', '0', '-1'],
  ],
  'a target of another kind fails for one and leaves the element to the next': [
    [0, 'SET', 's', '1'],
    [1, 'BLMOVE', 'a', 's', 'LEFT', 'RIGHT', '0'],
    [2, 'BLPOP', 'a', '0'],
    [0, 'RPUSH', 'a', 'x'],
    [0, 'EXISTS', 'a'],
  ],
  'a key of another kind serves nobody until it is a list': [
    [1, 'BLPOP', 'a', '0'],
    [0, 'SET', 'a', 'text'],
    [2, 'BLPOP', 'a', '0'],
    [0, 'DEL', 'a'],
    [0, 'RPUSH', 'a', 'x'],
  ],
  'a key deleted and pushed again serves': [
    [0, 'RPUSH', 'a', '1'],
    [1, 'BLPOP', 'a', '0'],
    [1, 'BLPOP', 'a', '0'],
    [0, 'RPUSH', 'b', '1'],
    [0, 'RENAME', 'b', 'a'],
  ],
  'a wait inside a transaction is over at once': [
    [0, 'MULTI'],
    [0, 'BLPOP', 'a', '0'],
    [0, 'BLMOVE', 'a', 'b', 'LEFT', 'LEFT', '0'],
    [0, 'BRPOPLPUSH', 'a', 'b', '0'],
    [0, 'BLMPOP', '0', '1', 'a', 'LEFT'],
    [0, 'RPUSH', 'a', 'x'],
    [0, 'BLPOP', 'a', '0'],
    [0, 'EXEC'],
  ],
  'the same key twice is waited for once': [
    [1, 'BLPOP', 'a', 'a', '0'],
    [0, 'RPUSH', 'a', 'x', 'y'],
    [0, 'LLEN', 'a'],
  ],
  'who pushes sees what is left': [
    [1, 'BLPOP', 'a', '0'],
    [0, 'MULTI'],
    [0, 'RPUSH', 'a', 'x'],
    [0, 'LRANGE', 'a', '0', '-1'],
    [0, 'EXEC'],
    [0, 'LRANGE', 'a', '0', '-1'],
  ],
  'a wait that is over tells those who watch': [
    [0, 'WATCH', 'a'],
    [1, 'BLPOP', 'a', '0'],
    [2, 'RPUSH', 'a', 'x'],
    [0, 'MULTI'],
    [0, 'DBSIZE'],
    [0, 'EXEC'],
  ],
};

for (const [title, steps] of Object.entries(SCENES)) {
  test(`${title}, as at a real server`, async () => {
    for (const protocol of [2, 3] as const) {
      await using scene = await Scene.open(server, 4, { protocol, title });
      for (const [player, ...words] of steps) await scene.play(player, ...words);
    }
  });
}

test('databases that are swapped and keys that are moved serve who waits', async () => {
  await using scene = await Scene.open(server, 4, { title: 'swap' });
  await scene.select(0, 1);
  await scene.play(1, 'BLPOP', 'a', 'b', '0');
  await scene.play(2, 'BLPOP', 'b', '0');
  await scene.play(0, 'RPUSH', 'b', 'x');
  await scene.play(0, 'MOVE', 'b', '0');
  await scene.play(0, 'RPUSH', 'b', 'y', 'z');
  await scene.play(0, 'SWAPDB', '0', '1');
  await scene.play(0, 'LRANGE', 'b', '0', '-1');
});

test('who is unblocked is told so, and the next is served', async () => {
  for (const protocol of [2, 3] as const) {
    await using scene = await Scene.open(server, 4, { protocol, title: 'unblock' });
    await scene.play(1, 'BLMOVE', 'a', 'b', 'LEFT', 'LEFT', '0');
    await scene.play(2, 'BLPOP', 'a', 'b', '0');
    await scene.play(3, 'BRPOP', 'b', 'a', '0');
    await scene.unblock(2, true);
    await scene.unblock(1, false);
    await scene.unblock(1, false);
    await scene.play(0, 'RPUSH', 'a', 'x');
  }
});

test('who leaves is not served', async () => {
  await using scene = await Scene.open(server, 4, { title: 'leave' });
  await scene.play(1, 'BLPOP', 'a', '0');
  await scene.play(2, 'BLPOP', 'a', '0');
  await scene.leave(1);
  await scene.play(0, 'RPUSH', 'a', 'x');
  assert.ok(!scene.isWaiting(2));
});

const KEYS = ['a', 'b', 'c'];
const STEPS = 1200;
const PLAYERS = 5;

test('scenes made at random end as at a real server', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const end = performance.now() + secondsOfRun(0) * 1000;
  do {
    for (const protocol of [2, 3] as const) {
      const title = `seed ${random.seed}`;
      await using scene = await Scene.open(server, PLAYERS, { protocol, title });
      for (let i = 0; i < STEPS; i++) await playOne(scene, random);
      for (const key of KEYS) await scene.play(0, 'LRANGE', key, '0', '-1');
    }
  } while (performance.now() < end);
});

async function playOne(scene: Scene, random: Random): Promise<void> {
  const index = random.below(PLAYERS);
  const chance = random.below(100);
  if (scene.isWaiting(index)) {
    if (chance < 4) await scene.unblock(index, random.chance(50));
    else if (chance < 8) await scene.leave(index);
  } else if (index > 0 && chance < 75) {
    await scene.play(index, ...waitingCommand(random));
  } else if (chance < 80) {
    await scene.play(index, ...plainCommand(random));
  } else {
    await scene.play(index, 'MULTI');
    for (let i = random.between(1, 4); i > 0; i--) {
      const isPlain = random.chance(70);
      await scene.play(index, ...(isPlain ? plainCommand(random) : waitingCommand(random)));
    }
    await scene.play(index, 'EXEC');
  }
}

function waitingCommand(random: Random): string[] {
  const key = random.pick(KEYS);
  const other = random.pick(KEYS);
  const side = random.pick(['LEFT', 'RIGHT']);
  switch (random.below(5)) {
    case 0:
      return ['BLPOP', key, other, '0'];
    case 1:
      return ['BRPOP', key, '0'];
    case 2:
      return ['BLMOVE', key, other, side, random.pick(['LEFT', 'RIGHT']), '0'];
    case 3:
      return ['BRPOPLPUSH', key, other, '0'];
    default:
      return ['BLMPOP', '0', '2', key, other, side, 'COUNT', random.pick(['1', '2', '9'])];
  }
}

let values = 0;

/** No SWAPDB: in which order it makes several keys ready is that of a hash table. */
function plainCommand(random: Random): string[] {
  const key = random.pick(KEYS);
  const other = random.pick(KEYS);
  switch (random.below(8)) {
    case 0:
      return ['DEL', key];
    case 1:
      return ['SET', key, 'text'];
    case 2:
      return ['RENAME', key, other];
    case 3:
      return ['LMOVE', key, other, 'LEFT', 'RIGHT'];
    case 4:
      return ['LMPOP', '2', key, other, 'RIGHT', 'COUNT', '2'];
    default:
      return [
        random.pick(['LPUSH', 'RPUSH']),
        key,
        ...Array.from({ length: random.between(1, 3) }, () => `v${values++}`),
      ];
  }
}
