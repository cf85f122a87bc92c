/** Where things stand in the text of a file. */
import type { Document, Node } from 'yaml';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Fault, Finding, Path } from './faults.ts';
import { formatPath } from './faults.ts';

/** What faults call the file as a whole, where others have a path. */
const WHOLE = 'configuration';

export interface OpenText {
  readonly document: Document.Parsed;
  fault(offset: number, path: string, reason: string): Fault;
  /** The finding with its place. */
  faultOf(finding: Finding): Fault;
}

/** YAML, and so JSON too; `name` is what faults call it. */
export function openText(text: string, name: string): OpenText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const fault = (offset: number, path: string, reason: string): Fault => {
    const { line, col } = lines.linePos(offset);
    return { file: name, line, column: col, path, reason };
  };
  const faultOf = (finding: Finding): Fault =>
    fault(offsetOf(document, finding), formatPath(finding.path) || WHOLE, finding.reason);
  return { document, fault, faultOf };
}

/** Where in the text a finding belongs; for what is missing, the key of what it is missing from. */
function offsetOf(document: Document.Parsed, finding: Finding): number {
  let node: unknown = document.contents;
  let keyOffset = startOf(node) ?? 0;
  for (const [i, step] of finding.path.entries()) {
    const child = childOf(resolveAlias(node, document), step);
    if (child === null) return keyOffset;
    keyOffset = child.keyOffset;
    const isLast = i === finding.path.length - 1;
    if (isLast && finding.at === 'value') return startOf(child.value) ?? keyOffset;
    node = child.value;
  }
  return keyOffset;
}

interface Child {
  readonly keyOffset: number;
  readonly value: unknown;
}

function childOf(node: unknown, step: Path[number]): Child | null {
  if (isSeq(node)) {
    const value = node.items[Number(step)];
    return value === undefined ? null : { keyOffset: startOf(value) ?? 0, value };
  }
  if (!isMap(node)) return null;
  for (const { key, value } of node.items) {
    if (isScalar(key) && String(key.value) === step) return { keyOffset: startOf(key) ?? 0, value };
  }
  return null;
}

function resolveAlias(node: unknown, document: Document.Parsed): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function startOf(node: unknown): number | null {
  return (node as Node | null)?.range?.[0] ?? null;
}
