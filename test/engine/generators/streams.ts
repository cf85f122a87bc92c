/** Commands on streams and their groups, at random. */
import type { Random } from '../../support/random.ts';

/** `s` holds a string. */
const KEYS = ['a', 'a', 'a', 'a', 'b', 'b', 's', 'none'];

const GROUPS = ['g', 'g', 'g', 'h', 'no such\r\ngroup'];

const CONSUMERS = ['x', 'y', 'yy', '\xff'];

const VALUES = ['1', '-70000', 'text', '', 'v'.repeat(70), '9223372036854775807'];

const COUNTS = ['0', '1', '2', '3', '7', '-1', 'x', '9223372036854775807', '12345678901234567890'];

const ODD_IDS = [
  ...['-', '+', '$', '>', '*', '', 'x', '5', '5-', '-5', '5-x', '5-*', '*-1', '5-1-1', '007-01'],
  ...['18446744073709551615', '18446744073709551615-18446744073709551615', '5--3', '5- -3', ' 5'],
  ...['18446744073709551616-1', '9007199254740993-9007199254740993', '5-\x00', '0-0', '0', '+5-+1'],
  ...['(5', '(5-1', '(', '((5', '(-', '(+', '(18446744073709551615-18446744073709551615', '(0-0'],
  ...['5--9223372036854775808', '5--9223372036854775809', '5--0', '1'.repeat(130)],
];

/** Makes commands whose ids collide, and whose new ids mostly rise. */
export class Generator {
  #top = 1;

  next(from: Random): string[] {
    const roll = from.below(100);
    if (roll < 30) return this.#add(from);
    if (roll < 38) return ['XDEL', from.pick(KEYS), ...this.#ids(from)];
    if (roll < 42) return ['XTRIM', from.pick(KEYS), ...trim(from, this.#id(from))];
    if (roll < 50) return this.#range(from);
    if (roll < 53) return ['XLEN', from.pick(KEYS)];
    if (roll < 58) return this.#read(from);
    if (roll < 70) return this.#readGroup(from);
    if (roll < 74) return ['XACK', from.pick(KEYS), from.pick(GROUPS), ...this.#ids(from)];
    if (roll < 79) return this.#pending(from);
    if (roll < 84) return this.#claim(from);
    if (roll < 87) return this.#autoClaim(from);
    if (roll < 93) return info(from);
    if (roll < 98) return this.#group(from);
    return this.#rare(from);
  }

  #id(from: Random): string {
    if (from.chance(6)) return from.pick(ODD_IDS);
    const ms = Math.max(1, this.#top - from.below(12));
    return from.chance(25) ? String(ms) : `${ms}-${from.below(3)}`;
  }

  #ids(from: Random): string[] {
    return Array.from({ length: from.between(1, 3) }, () => this.#id(from));
  }

  #add(from: Random): string[] {
    if (from.chance(70)) this.#top += from.below(3);
    const plain = from.chance(80) ? `${this.#top}-${from.below(4)}` : `${this.#top}-*`;
    // What the time decides is compared elsewhere.
    const odd = from.pick(ODD_IDS.filter((one) => one !== '*'));
    const id = from.chance(97) ? plain : odd;
    const names = from.pick([['f'], ['f'], ['f', 'g'], ['12', 'f'], ['f', 'f', 'h']]);
    const fields = names.flatMap((name) => [name, from.pick(VALUES)]);
    if (from.chance(2)) fields.pop();
    const options = from.chance(30) ? trim(from, this.#id(from)) : [];
    if (from.chance(5)) options.push('NOMKSTREAM');
    return ['XADD', from.pick(KEYS), ...options, id, ...fields];
  }

  #range(from: Random): string[] {
    const bound = (): string => {
      if (from.chance(30)) return from.pick(['-', '+']);
      return from.chance(25) ? `(${this.#id(from)}` : this.#id(from);
    };
    const count = from.chance(40) ? ['COUNT', from.pick(COUNTS)] : [];
    const odd = from.chance(2) ? ['COUNT'] : [];
    const name = from.pick(['XRANGE', 'XREVRANGE']);
    return [name, from.pick(KEYS), bound(), bound(), ...count, ...odd];
  }

  #read(from: Random): string[] {
    const keys = Array.from({ length: from.between(1, 2) }, () => from.pick(KEYS));
    const ids = keys.map(() => (from.chance(20) ? '$' : this.#id(from)).replace(/^\+$/, '-'));
    if (from.chance(3)) ids.pop();
    const odd = from.chance(3) ? from.pick([['NOACK'], ['GROUP', 'g', 'x'], ['x']]) : [];
    return ['XREAD', ...count(from), ...odd, 'STREAMS', ...keys, ...ids];
  }

  #readGroup(from: Random): string[] {
    const keys = Array.from({ length: from.between(1, 2) }, () => from.pick(KEYS));
    const ids = keys.map(() => (from.chance(75) ? '>' : this.#id(from)).replace(/^\+$/, '-'));
    const noack = from.chance(10) ? ['NOACK'] : [];
    const group = from.chance(97) ? ['GROUP', from.pick(GROUPS), from.pick(CONSUMERS)] : [];
    return ['XREADGROUP', ...group, ...count(from), ...noack, 'STREAMS', ...keys, ...ids];
  }

  #pending(from: Random): string[] {
    const head = ['XPENDING', from.pick(KEYS), from.pick(GROUPS)];
    if (from.chance(30)) return head;
    const idle = from.chance(25) ? ['IDLE', from.pick(['0', '1000000', 'x'])] : [];
    const ends = [from.chance(50) ? '-' : this.#id(from), from.chance(50) ? '+' : this.#id(from)];
    const consumer = from.chance(30) ? [from.pick([...CONSUMERS, 'nobody'])] : [];
    const odd = from.chance(3) ? ['x'] : [];
    return [...head, ...idle, ...ends, from.pick(COUNTS), ...consumer, ...odd];
  }

  #claim(from: Random): string[] {
    const options: string[] = [];
    if (from.chance(30)) options.push('IDLE', from.pick(['2000000', '0', '-5', 'x']));
    if (from.chance(10)) options.push('TIME', from.pick(['1000', '-1', '99999999999999999']));
    if (from.chance(20)) options.push('RETRYCOUNT', from.pick(COUNTS));
    if (from.chance(40)) options.push('FORCE');
    if (from.chance(30)) options.push('JUSTID');
    if (from.chance(20)) options.push('LASTID', this.#id(from));
    if (from.chance(2)) options.push(from.pick(['LASTID', 'x', '*']));
    const head = [from.pick(KEYS), from.pick(GROUPS), from.pick(CONSUMERS)];
    return ['XCLAIM', ...head, from.pick(IDLES), ...this.#ids(from), ...options];
  }

  #autoClaim(from: Random): string[] {
    const options = from.chance(50) ? ['COUNT', from.pick(COUNTS.slice(0, -2))] : [];
    if (from.chance(30)) options.push('JUSTID');
    if (from.chance(3)) options.push('x');
    const start = from.chance(60) ? '0' : this.#id(from);
    const head = [from.pick(KEYS), from.pick(GROUPS), from.pick(CONSUMERS)];
    return ['XAUTOCLAIM', ...head, from.pick(IDLES), start, ...options];
  }

  #group(from: Random): string[] {
    const key = from.pick(KEYS);
    const group = from.pick(GROUPS);
    const id = from.chance(60) ? from.pick(['0', '$']) : this.#id(from);
    const options = from.chance(50) ? ['MKSTREAM'] : [];
    if (from.chance(30)) options.push('ENTRIESREAD', from.pick(COUNTS));
    switch (from.below(8)) {
      case 0:
        return ['XGROUP', 'DESTROY', key, group];
      case 1:
        return ['XGROUP', 'CREATECONSUMER', key, group, from.pick(CONSUMERS)];
      case 2:
        return ['XGROUP', 'DELCONSUMER', key, group, from.pick(CONSUMERS)];
      case 3:
        return ['XGROUP', 'SETID', key, group, id, ...options.filter((one) => one !== 'MKSTREAM')];
      case 4:
        return ['xgroup', from.pick(['help', 'setid', 'create', 'destroy']), key, group, id, 'x'];
      default:
        return ['XGROUP', 'CREATE', key, group, id, ...options];
    }
  }

  #rare(from: Random): string[] {
    switch (from.below(8)) {
      case 0:
        return ['SET', 's', 'x'];
      case 1:
      case 2:
        return ['DEL', from.pick(KEYS)];
      case 3:
        return ['XINFO', 'HELP'];
      case 4:
        return ['XGROUP', 'HELP'];
      default: {
        const options: string[] = [];
        if (from.chance(40)) options.push('ENTRIESADDED', from.pick(COUNTS));
        if (from.chance(40)) options.push('MAXDELETEDID', this.#id(from));
        return ['XSETID', from.pick(KEYS), this.#id(from), ...options];
      }
    }
  }
}

const IDLES = ['0', '0', '0', '1000000', '-1', 'x'];

function count(from: Random): string[] {
  return from.chance(50) ? ['COUNT', from.pick(COUNTS)] : [];
}

function trim(from: Random, id: string): string[] {
  const how = from.pick([[], ['='], ['~'], ['~']]);
  const limit = from.chance(25) ? ['LIMIT', from.pick(COUNTS)] : [];
  if (from.chance(2)) return limit;
  if (from.chance(50)) return ['MINID', ...how, id, ...limit];
  const length = from.pick(['0', '1', '3', '5', '8', '12', '20', '-1', 'x']);
  return ['MAXLEN', ...how, length, ...limit];
}

function info(from: Random): string[] {
  const key = from.pick(KEYS);
  switch (from.below(5)) {
    case 0:
      return ['XINFO', 'STREAM', key];
    case 1:
      return ['XINFO', 'STREAM', key, 'FULL'];
    case 2:
      return ['XINFO', 'STREAM', key, 'FULL', from.pick(['COUNT', 'x']), from.pick(COUNTS)];
    case 3:
      return ['XINFO', 'GROUPS', key];
    default:
      return ['XINFO', 'CONSUMERS', key, from.pick(GROUPS)];
  }
}

/** Times are not the same in two places. */
export function withoutTimes(words: readonly string[], reply: string): string {
  const bare = reply.replace(/:\d{13}\r\n/g, ':time\r\n').replace(/(idle\r\n):\d+/g, '$1:idle');
  return words[0] === 'XPENDING' ? bare.replace(/:\w+\r\n(:-?\d+\r\n)/g, ':idle\r\n$1') : bare;
}
