/**
 * One line of MONITOR, letter for letter as Redis writes it (replicationFeedMonitors and sdscatrepr):
 *
 *   +1339518083.107412 [0 127.0.0.1:60866] "keys" "*"
 */
import type { Command } from '../commands/command.ts';
import type { Secrets } from '../commands/spec.ts';

/** Of the arguments together; what comes behind is only counted, in the words of SLOWLOG. */
const SHOWN_BYTES_MAX = 16 * 1024;
/** Quotes and a blank: empty arguments take room, too. */
const AROUND_BYTES = 3;
const REDACTED = '"(redacted)"';
/** What needs no escape. */
const PLAIN = /^[ !#-[\]-~]*$/;

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\x07': '\\a',
  '\b': '\\b',
};

/** `source` is the address of the client, or what else the line is from. */
export function monitorLine(database: number, source: string, words: string): string {
  return `+${timeText()} [${database} ${source}] ${words}\r\n`;
}

/** Name and arguments in quotes, passwords left out. */
export function wordsOf(command: Command): string {
  const hidden = hiddenArguments(command, command.spec.secrets);
  const words: string[] = [];
  let left = SHOWN_BYTES_MAX;
  for (let i = 0; i < command.argc; i++) {
    if (left <= 0) {
      words.push(`"... (${command.argc - i} more arguments)"`);
      break;
    }
    if (hidden?.has(i) === true) {
      words.push(REDACTED);
      continue;
    }
    const length = command.argLength(i);
    const shown = Math.min(length, left);
    const start = command.argStart(i);
    const text = escaped(command.bytes.toString('latin1', start, start + shown));
    words.push(shown < length ? `"${text}... (${length - shown} more bytes)"` : `"${text}"`);
    left -= shown + AROUND_BYTES;
  }
  return words.join(' ');
}

export function escaped(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(/[^ !#-[\]-~]/g, (character) => {
    const known = ESCAPES[character];
    return known ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

function hiddenArguments(command: Command, secrets: Secrets | null): Set<number> | null {
  if (secrets === null) return null;
  const hidden = new Set<number>();
  for (let i = 1; i < command.argc; i++) {
    if (secrets === 'all') {
      hidden.add(i);
      continue;
    }
    const word = command.text(i).toUpperCase();
    const count = Object.hasOwn(secrets, word) ? secrets[word]! : 0;
    for (let n = 1; n <= count; n++) hidden.add(i + n);
  }
  return hidden;
}

/** Seconds since 1970, to a microsecond. */
function timeText(): string {
  const micros = Math.floor((performance.timeOrigin + performance.now()) * 1000);
  const rest = String(micros % 1e6).padStart(6, '0');
  return `${Math.floor(micros / 1e6)}.${rest}`;
}
