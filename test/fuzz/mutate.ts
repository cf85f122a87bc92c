/** Damage that knows RESP: wrong lengths, wrong types, cuts, doubles, noise, at places that matter. */
import { type Case, caseFiles, readCases } from '../conformance/cases.ts';
import type { Random } from '../support/random.ts';

/** Commands that would end or change the server under test by themselves once their arguments change. */
const DANGEROUS =
  /shutdown|debug|replicaof|slaveof|failover|config|acl|client|monitor|psync|\bsync|subscribe|multi|wait|blpop|brpop|blm|bzm|bzp|migrate|module|bgsave|bgrewrite|\bsave|lolwut|cluster|swapdb|latency|slowlog|function|script|memory/i;

export function corpus(): Case[] {
  return caseFiles()
    .flatMap((file) => readCases(file))
    .filter(({ bytes, fault }) => !fault && !DANGEROUS.test(bytes.toString('latin1', 0, 200)));
}

const NUMBERS = [
  '-1',
  '0',
  '1',
  '-2',
  '2147483647',
  '2147483648',
  '4294967296',
  '536870913',
  '9223372036854775807',
  '9223372036854775808',
  '99999999999999999999',
  '1.5',
  '+1',
  ' 1',
  '01',
  '',
  'x',
  '1e3',
  '\0',
];
const TYPES = '*$+-:_#,(!=%~>|.A "\r\n\0\xff';

type Mutation = (bytes: Buffer, random: Random) => Buffer;

const mutations: readonly Mutation[] = [
  // A length or count says something else than what follows.
  (bytes, random) => {
    const heads = [...bytes.toString('latin1').matchAll(/[*$](-?\d+)\r\n/g)];
    if (heads.length === 0) return bytes;
    const head = random.pick(heads);
    const number = random.chance(50)
      ? String(Number(head[1]) + random.between(-3, 3))
      : random.pick(NUMBERS);
    return splice(bytes, head.index + 1, head[1]!.length, number);
  },
  (bytes, random) => {
    const at = random.below(bytes.length);
    return splice(bytes, at, 1, random.pick([...TYPES]));
  },
  (bytes, random) => splice(bytes, random.below(bytes.length), random.between(1, 8), ''),
  (bytes, random) =>
    splice(
      bytes,
      random.below(bytes.length),
      0,
      random.bytes(random.between(1, 16)).toString('latin1'),
    ),
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, random) => bytes.subarray(random.below(bytes.length)),
  (bytes, random) => {
    const at = random.below(bytes.length);
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
    return flipped;
  },
  // A part twice.
  (bytes, random) => {
    const start = random.below(bytes.length);
    const part = bytes.toString('latin1', start, start + random.between(1, 64));
    return splice(bytes, random.below(bytes.length), 0, part);
  },
  (bytes, random) => splice(bytes, random.below(bytes.length), 0, '\r\n'),
  (bytes) => Buffer.from(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
  (bytes) => Buffer.concat([Buffer.from('*1\r\n'), bytes]),
  (_bytes, random) =>
    Buffer.from(
      `${random.pick(['*', '$', '*1\r\n$', ''])}${'9'.repeat(random.between(1, 70_000))}`,
    ),
  (_bytes, random) => random.bytes(random.between(1, 400)),
];

/** One to four kinds of damage, one upon another. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let mutated = bytes;
  for (let count = random.between(1, 4); count > 0 && mutated.length > 0; count--) {
    mutated = random.pick(mutations)(mutated, random);
  }
  return mutated;
}

/** The frame stays whole; the arguments are not what they were. */
export function mutateArguments(words: readonly string[], random: Random): string[] {
  const changed = [...words];
  for (let count = random.between(1, 3); count > 0; count--) {
    const at = random.between(1, Math.max(1, changed.length - 1));
    switch (random.below(6)) {
      case 0:
        changed[at] = random.pick(NUMBERS);
        break;
      case 1:
        changed.splice(at, 1);
        break;
      case 2:
        changed.splice(at, 0, changed[random.below(changed.length)] ?? '');
        break;
      case 3:
        changed[at] = random.bytes(random.below(12)).toString('latin1');
        break;
      case 4:
        changed[at] = (changed[at] ?? '').toUpperCase();
        break;
      default:
        changed[at] = `${changed[at] ?? ''}${random.pick(['\0', ' ', '\r\n', 'x'])}`;
    }
  }
  return changed;
}

/** The words of a command as it was sent. */
export function wordsOf(bytes: Buffer): string[] {
  const text = bytes.toString('latin1');
  const words: string[] = [];
  let position = text.indexOf('\r\n') + 2;
  while (text[position] === '$') {
    const lineEnd = text.indexOf('\r\n', position);
    const length = Number(text.slice(position + 1, lineEnd));
    words.push(text.slice(lineEnd + 2, lineEnd + 2 + length));
    position = lineEnd + 2 + length + 2;
  }
  return words;
}

function splice(bytes: Buffer, start: number, remove: number, insert: string): Buffer {
  return Buffer.concat([
    bytes.subarray(0, start),
    Buffer.from(insert, 'latin1'),
    bytes.subarray(start + remove),
  ]);
}
