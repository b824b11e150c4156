// Makes ../data/api.github.com.json (the description, embedded in the crate) and ../data/examples.json
// (GitHub's own examples, for the crate's tests) out of GitHub's published OpenAPI description.
//
//   npm pack @octokit/openapi@23.0.2
//   tar xzf octokit-openapi-23.0.2.tgz package/generated/api.github.com.json
//   node prune.mjs package/generated/api.github.com.json
//
// Keeps the operations of operations.txt, the webhook entries of webhooks.txt and every component that these
// reach. Leaves out what no check reads: prose, examples inside schemas, headers, vendor extensions.
// The output depends on the input alone, one operation, entry or component a line, so that two versions diff well.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const here = path.dirname(new URL(import.meta.url).pathname);
const data = path.join(here, '..', 'data');
const [source] = process.argv.slice(2);
if (!source) {
  console.error('usage: node prune.mjs api.github.com.json');
  process.exit(2);
}
const bytes = fs.readFileSync(source);
const description = JSON.parse(bytes);
const lines = (name) =>
  fs.readFileSync(path.join(here, name), 'utf8').split('\n').map((l) => l.trim()).filter((l) => l && !l.startsWith('#'));

/** The value a `$ref` names, or the value itself. */
function resolve(value) {
  let at = value;
  while (at && at.$ref) {
    at = at.$ref.split('/').slice(1).reduce((v, key) => v[key.replaceAll('~1', '/').replaceAll('~0', '~')], description);
  }
  return at;
}

// --- schemas -------------------------------------------------------------------------------------------------

const PROSE = new Set(['description', 'title', 'example', 'examples', 'default', 'externalDocs', 'deprecated', 'readOnly',
  'writeOnly', 'discriminator', 'xml']);
const MAPS = new Set(['properties', 'patternProperties']);
const LISTS = new Set(['allOf', 'anyOf', 'oneOf']);
const NESTED = new Set(['items', 'additionalProperties', 'not']);
const wanted = new Map(); // component schema name -> pruned schema

/** A schema without prose. Walks by keyword, because `description` is also a property's name. */
function schema(value) {
  if (typeof value !== 'object' || value === null) return value;
  if (value.$ref) {
    need(value.$ref);
    return { $ref: value.$ref };
  }
  const kept = {};
  for (const [key, part] of Object.entries(value)) {
    if (PROSE.has(key) || key.startsWith('x-')) continue;
    if (MAPS.has(key)) kept[key] = Object.fromEntries(Object.entries(part).map(([name, s]) => [name, schema(s)]));
    else if (LISTS.has(key)) kept[key] = part.map(schema);
    else if (NESTED.has(key)) kept[key] = schema(part);
    else kept[key] = part;
  }
  return kept;
}

/** Takes a component schema, and those it reaches, into the output. */
function need(ref) {
  const prefix = '#/components/schemas/';
  if (!ref.startsWith(prefix)) throw new Error(`reference outside the schemas: ${ref}`);
  const name = ref.slice(prefix.length);
  if (wanted.has(name)) return;
  wanted.set(name, null); // first, because schemas may be circular
  wanted.set(name, schema(description.components.schemas[name]));
}

// --- operations ----------------------------------------------------------------------------------------------

const content = (map) =>
  Object.fromEntries(Object.entries(map).map(([type, media]) => [type, { schema: schema(media.schema ?? {}) }]));

function parameter(raw) {
  const p = resolve(raw);
  const kept = { name: p.name, in: p.in };
  if (p.required) kept.required = true;
  kept.schema = schema(p.schema ?? {});
  if (p['x-multi-segment']) kept['x-multi-segment'] = true;
  return kept;
}

function operation(raw) {
  const kept = { operationId: raw.operationId };
  if (raw.externalDocs) kept.externalDocs = { url: raw.externalDocs.url };
  const parameters = (raw.parameters ?? []).map(parameter).filter((p) => p.in !== 'header');
  if (parameters.length) kept.parameters = parameters;
  if (raw.requestBody) {
    const body = resolve(raw.requestBody);
    kept.requestBody = { required: body.required ?? false, content: content(body.content) };
  }
  kept.responses = Object.fromEntries(Object.entries(raw.responses ?? {}).map(([status, r]) => {
    const response = resolve(r);
    return [status, response.content ? { content: content(response.content) } : {}];
  }));
  return kept;
}

/** The examples of one operation: `requests` by name, `responses` by status and name. */
function examples(raw) {
  const of = (map) => {
    const found = {};
    for (const [type, media] of Object.entries(map ?? {})) {
      if (!type.endsWith('json')) continue;
      for (const [name, example] of Object.entries(media.examples ?? {})) found[name] = resolve(example).value;
    }
    return found;
  };
  const found = { requests: of(raw.requestBody && resolve(raw.requestBody).content), responses: {} };
  for (const [status, r] of Object.entries(raw.responses ?? {})) {
    const here = of(resolve(r).content);
    if (Object.keys(here).length && status.startsWith('2')) found.responses[status] = here;
  }
  return found;
}

const paths = {};
const shown = {};
for (const line of lines('operations.txt')) {
  const [method, template] = line.split(' ');
  const raw = description.paths[template]?.[method.toLowerCase()];
  if (!raw) throw new Error(`operations.txt: the description has no ${line}`);
  (paths[template] ??= {})[method.toLowerCase()] = operation(raw);
  shown[raw.operationId] = examples(raw);
}
// The list of installations spells its items out and asks of `account` to be a user and an enterprise at once, which no
// answer of GitHub's is; the answer for one installation names the schema that fits both.
paths['/app/installations'].get.responses['200'].content['application/json'].schema.items =
  schema({ $ref: '#/components/schemas/installation' });

const webhooks = {};
for (const pattern of lines('webhooks.txt')) {
  const matches = Object.keys(description['x-webhooks']).filter((key) =>
    pattern.endsWith('*') ? key.startsWith(pattern.slice(0, -1)) : key === pattern);
  if (!matches.length) throw new Error(`webhooks.txt: the description has no ${pattern}`);
  for (const key of matches) {
    const raw = description['x-webhooks'][key].post;
    const kept = operation({ ...raw, parameters: [], responses: {} });
    delete kept.responses;
    webhooks[key] = { post: kept };
  }
}
need('#/components/schemas/basic-error');
need('#/components/schemas/validation-error');

// --- output --------------------------------------------------------------------------------------------------

/** JSON with one entry of each map a line, sorted. */
function map(entries) {
  const sorted = Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{\n${sorted.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',\n')}\n}`;
}

function operations(byTemplate) {
  const sorted = Object.entries(byTemplate).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{\n${sorted.map(([key, item]) => `${JSON.stringify(key)}:${map(item)}`).join(',\n')}\n}`;
}

const info = { title: description.info.title, version: description.info.version, license: description.info.license };
const pruned = `{\n"openapi":${JSON.stringify(description.openapi)},\n"info":${JSON.stringify(info)},\n` +
  `"paths":${operations(paths)},\n"x-webhooks":${map(webhooks)},\n` +
  `"components":{"schemas":${map(Object.fromEntries(wanted))}}\n}\n`;
JSON.parse(pruned);
fs.writeFileSync(path.join(data, 'api.github.com.json'), pruned);
fs.writeFileSync(path.join(data, 'examples.json'), `${map(shown)}\n`);

const count = Object.values(paths).reduce((n, item) => n + Object.keys(item).length, 0);
console.log(`source    ${bytes.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex')}`);
console.log(`version   ${description.info.version}`);
console.log(`kept      ${count} operations, ${Object.keys(webhooks).length} webhooks, ${wanted.size} schemas`);
for (const name of ['api.github.com.json', 'examples.json']) {
  console.log(`${name}  ${fs.statSync(path.join(data, name)).size} bytes`);
}
