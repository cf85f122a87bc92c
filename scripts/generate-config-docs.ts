/**
 * `npm run generate`: docs/config.md and tidegate.schema.json from the schema of the configuration.
 * test/cli/generated.test.ts fails when either differs from what this would write.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { inputShape } from '../src/config/check.ts';
import type { Shape } from '../src/config/faults.ts';
import { configSchema } from '../src/config/schema.ts';

const ROOT = path.resolve(import.meta.dirname, '..');

/** What the generator reads of JSON Schema beyond `Shape`, our own word `allowed` included. */
interface Node extends Shape {
  readonly description?: string;
  readonly allowed?: string;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
}

const INTRODUCTION = `# Configuration

Generated from the schema in \`src/config\` by \`npm run generate\`; do not edit.

One YAML file says everything: \`tidegate serve --config FILE\`. \`tidegate check FILE\` reports every fault of
it at once, one per line, as \`FILE:line:column path: reason\`, and exits with 2. Editors complete and check
the file with \`tidegate.schema.json\`; the first line tells them where it is:

\`\`\`yaml
# yaml-language-server: $schema=./tidegate.schema.json
listeners:
  main:
    listen: 127.0.0.1:6380
    routes:
      - { prefix: "user:", upstream: users, remove_prefix: true }
      - { prefix: "", upstream: main }
upstreams:
  users: { kind: shards, servers: [127.0.0.1:7001] }
  main: { kind: shards, servers: [127.0.0.1:7002, 127.0.0.1:7003=2] }
admin: { listen: 127.0.0.1:9901 }
\`\`\`

- **Durations** are \`250ms\`, \`5s\`, \`2m\`, \`1h\`. **Sizes** are \`512b\`, \`64kb\`, \`8mb\`, \`1gb\`, counted in 1024s as
  in redis.conf. **Rates** are \`100/s\`, \`600/m\`. Only 0 may stand without its unit.
- **Addresses** are \`host:port\`, \`"[v6]:port"\` (in quotes, because YAML takes brackets for a list) or \`unix:/path\`.
- **Secrets** are text in quotes, \`{env: NAME}\` or \`{file: path}\`; one line break at the end of the file is dropped.
  Passwords of users and upstreams that stand in files may be exchanged there while the gateway runs.
- **Relative paths** start from the folder of the configuration file.
- **Names** of listeners and upstreams are letters, digits and \`.\` \`_\` \`-\`.

\`NAME\` below stands for a name you choose, \`[]\` for each entry of a list. A key marked **required** has no default.
`;

export function renderDocs(): string {
  const sections = sectionsOf('', shape());
  return `${[INTRODUCTION, ...sections].join('\n')}`;
}

export function renderSchema(): string {
  const titled = { title: 'Tidegate configuration', ...shape() };
  // `allowed` is our word; validators in strict mode refuse words they do not know.
  const text = JSON.stringify(titled, (key, value) => (key === 'allowed' ? undefined : value), 2);
  return `${text}\n`;
}

function shape(): Node {
  const nothing = { folder: '/', environment: () => undefined, readText: () => '' };
  return inputShape(configSchema(nothing));
}

/** A mapping and everything below it, in the order of the schema. */
function sectionsOf(name: string, node: Node): string[] {
  const own = node.properties ?? {};
  const rows = Object.entries(own).map(([key, child]) => row(name, key, child, node));
  const description = node.description === undefined ? [] : [node.description, ''];
  const table = ['| key | meaning | allowed | default |', '| --- | --- | --- | --- |', ...rows, ''];
  const title = name === '' ? '## The file' : `## \`${name}\``;
  const below = Object.entries(own).flatMap(([key, child]) => {
    const inner = innerOf(join(name, key), child);
    return inner === null ? [] : sectionsOf(inner.name, inner.node);
  });
  return [[title, '', ...description, ...table].join('\n'), ...below];
}

function row(name: string, key: string, child: Node, parent: Node): string {
  const isRequired = parent.required?.includes(key) === true;
  const cells = [
    `\`${key}\``,
    child.description ?? '',
    allowedIn(join(name, key), child),
    isRequired ? '**required**' : defaultOf(child),
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function allowedIn(name: string, node: Node): string {
  const inner = innerOf(name, node);
  if (inner !== null) return `see [\`${inner.name}\`](#${anchor(inner.name)})`;
  if (node.items !== undefined) return `a list; each ${node.items.allowed ?? ''}`;
  return node.allowed ?? '';
}

function defaultOf(node: Node): string {
  if (node.default === undefined) return 'absent';
  if (node.properties !== undefined) return 'as below';
  const isWord = typeof node.default === 'string' && node.default !== '';
  return `\`${isWord ? node.default : JSON.stringify(node.default)}\``;
}

/** The mapping a key leads to: itself, an entry of a list, or a value behind a name. */
function innerOf(name: string, node: Node): { name: string; node: Node } | null {
  if (node.properties !== undefined) return { name, node };
  if (node.items?.properties !== undefined) return { name: `${name}[]`, node: node.items };
  const named = node.additionalProperties;
  return typeof named === 'object' ? { name: `${name}.NAME`, node: named } : null;
}

function join(name: string, key: string): string {
  return name === '' ? key : `${name}.${key}`;
}

/** As GitHub makes anchors of titles. */
function anchor(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9_-]/g, '');
}

if (import.meta.main) {
  writeFileSync(path.join(ROOT, 'docs/config.md'), renderDocs());
  writeFileSync(path.join(ROOT, 'tidegate.schema.json'), renderSchema());
}
