/** Words for the person at the terminal. Logs go elsewhere (`log-output.ts`). */

export function sayError(text: string): void {
  process.stderr.write(`tidegate: ${oneLine(text)}\n`);
}

/** Lines that carry their own place (`FILE:line:column …`), for editors to jump to: no name in front. */
export function sayFaults(text: string, stream: NodeJS.WritableStream): void {
  stream.write(`${text}\n`);
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ');
}
