/** Numbers as servers print them, added without losing what they print. */

const INTEGER = /^-?\d+$/;
const DECIMAL = /^-?\d+(\.\d+)?%?$/;

/** A figure, not a name made of digits such as the hash `00000000`. */
export function isNumber(text: string): boolean {
  return DECIMAL.test(text) && !/^-?0\d/.test(text);
}

/** With as many decimals as the most precise of them; integers without any limit. */
export function sumOf(texts: readonly string[]): string {
  if (texts.every((text) => INTEGER.test(text))) {
    return String(texts.reduce((sum, text) => sum + BigInt(text), 0n));
  }
  return like(
    texts,
    numbersOf(texts).reduce((sum, value) => sum + value, 0),
  );
}

export function averageOf(texts: readonly string[]): string {
  return like(texts, numbersOf(texts).reduce((sum, value) => sum + value, 0) / texts.length);
}

/** The one with the greatest number, as it was printed. */
export function maximumOf(texts: readonly string[]): string {
  return texts.reduce((best, text) =>
    Number.parseFloat(text) > Number.parseFloat(best) ? text : best,
  );
}

export function minimumOf(texts: readonly string[]): string {
  return texts.reduce((best, text) =>
    Number.parseFloat(text) < Number.parseFloat(best) ? text : best,
  );
}

/** A number printed as `texts` are: so many decimals, and the sign of percent. */
function like(texts: readonly string[], value: number): string {
  const decimals = texts.map((text) => /\.(\d+)/.exec(text)?.[1]?.length ?? 0);
  const unit = texts[0]?.endsWith('%') ? '%' : '';
  return `${value.toFixed(Math.max(...decimals))}${unit}`;
}

function numbersOf(texts: readonly string[]): number[] {
  return texts.map(Number.parseFloat);
}

const UNITS = ['B', 'K', 'M', 'G', 'T', 'P'];

/** As INFO prints bytes for people: `942.18K`. */
export function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1);
  return `${(bytes / 1024 ** power).toFixed(2)}${UNITS[power]}`;
}
