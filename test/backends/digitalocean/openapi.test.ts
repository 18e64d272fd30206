import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { openBench, repository, type DigitalOceanBench } from './support/bench.js';

/** DigitalOcean's own description, where it is at hand. */
const file = resolve(
  import.meta.dirname,
  '../../../../shared/specs/digitalocean-apps.openapi.json',
);
/** Known from their Go client only (reference/deploy-backends.md §1.3); and of another part of their API. */
const undescribed = new Set(['/v2/apps/detect', '/v2/account']);

/** The reference has these from elsewhere: a phase without logs, and a rollback that is kept. The client takes either. */
const otherwiseKnown = new Set(['400 logs', '204 commit']);

type Json = Record<string, unknown>;

describe('DigitalOcean: requests and answers against its OpenAPI description', () => {
  let bench: DigitalOceanBench | undefined;
  let spec: Json;
  before(function () {
    if (!existsSync(file)) {
      console.log(`    skipped: the description is not there (${file})`);
      return this.skip();
    }
    spec = JSON.parse(readFileSync(file, 'utf8')) as Json;
  });

  afterEach(async () => {
    await bench?.close();
    bench = undefined;
  });

  it('every call that is made, and every answer that the fake gives', async () => {
    bench = await openBench();
    await useEverything(bench);
    const checked = new Set<string>();
    for (const call of bench.fake.calls.filter(({ path }) => path.startsWith('/v2/'))) {
      if (undescribed.has(call.path)) continue;
      const operation = operationOf(call.method, call.path);
      assert.ok(operation, `${call.method} ${call.path} is not described`);
      checked.add(`${call.method} ${operation.path}`);
      const wanted = schemaIn(operation.value['requestBody']);
      const sent: unknown = call.body === '' ? {} : JSON.parse(call.body);
      if (wanted) assert.deepEqual(problems(sent, wanted, 'request', true), [], operation.path);
      else assert.equal(call.body, '', operation.path);
      namesKnown(call.query, operation.value);
      const responses = operation.value['responses'] as Json;
      if (otherwiseKnown.has(`${call.status} ${operation.path.split('/').at(-1)}`)) continue;
      const answered = responses[String(call.status)];
      assert.ok(answered, `${operation.path} does not answer ${call.status}`);
      const schema = schemaIn(answered);
      if (schema) {
        assert.deepEqual(
          problems(JSON.parse(call.answer), schema, 'answer', false),
          [],
          operation.path,
        );
      }
    }
    assert.ok(checked.size >= 13, [...checked].join('\n'));
  });

  it('would notice a wrong one', () => {
    const schema = { $ref: '#/components/schemas/apps_create_deployment_request' };
    assert.notDeepEqual(problems({ force_build: 'yes' }, schema, '', true), []);
    assert.notDeepEqual(problems({ force: true }, schema, '', true), []);
  });

  function operationOf(method: string, path: string): { path: string; value: Json } | null {
    const paths = spec['paths'] as Record<string, Json>;
    const fits = Object.keys(paths).filter((pattern) => {
      const regex = new RegExp(`^${pattern.replace(/\{\w+\}/g, '[^/]+')}$`);
      return regex.test(path) && paths[pattern]?.[method.toLowerCase()] !== undefined;
    });
    // The one with the fewest placeholders.
    const [best] = fits.sort((a, b) => a.split('{').length - b.split('{').length);
    if (best === undefined) return null;
    return { path: best, value: paths[best]?.[method.toLowerCase()] as Json };
  }

  function namesKnown(query: string, operation: Json): void {
    const parameters = (operation['parameters'] ?? []) as Json[];
    const known = parameters.map((one) => resolved(one)['name']);
    for (const name of new URLSearchParams(query).keys()) assert.ok(known.includes(name), name);
  }

  function schemaIn(part: unknown): Json | null {
    if (part === undefined) return null;
    const content = resolved(part as Json)['content'] as Json | undefined;
    const json = content?.['application/json'] as Json | undefined;
    return (json?.['schema'] as Json | undefined) ?? null;
  }

  function resolved(part: Json): Json {
    const { $ref } = part;
    if (typeof $ref !== 'string') return part;
    const steps = $ref.slice(2).split('/');
    let found: unknown = spec;
    for (const step of steps) found = (found as Json)[step];
    return resolved(found as Json);
  }

  /** As much of JSON Schema as the description uses. `strict`: names that it does not have are wrong; of null it says nothing. */
  function problems(value: unknown, given: Json, path: string, strict: boolean): string[] {
    const schema = resolved(given);
    if (value === null) return [];
    const parts = [...((schema['allOf'] ?? []) as Json[])];
    const found = parts.flatMap((part) => problems(value, part, path, false));
    const { type, enum: choices } = schema;
    if (typeof type === 'string' && !hasType(value, type)) return [...found, `${path}: no ${type}`];
    if (Array.isArray(choices) && !choices.includes(value))
      found.push(`${path}: ${JSON.stringify(value)}`);
    if (Array.isArray(value) && schema['items']) {
      const items = schema['items'] as Json;
      value.forEach((one, at) => found.push(...problems(one, items, `${path}[${at}]`, strict)));
    }
    if (typeof value !== 'object' || Array.isArray(value)) return found;
    const properties = (schema['properties'] ?? {}) as Record<string, Json>;
    for (const name of (schema['required'] ?? []) as string[]) {
      if (!(name in value)) found.push(`${path}.${name}: missing`);
    }
    for (const [name, one] of Object.entries(value)) {
      const property = properties[name];
      if (property) found.push(...problems(one, property, `${path}.${name}`, false));
      else if (strict && parts.length === 0 && Object.keys(properties).length > 0) {
        found.push(`${path}.${name}: unknown`);
      }
    }
    return found;
  }
});

function hasType(value: unknown, type: string): boolean {
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object') return typeof value === 'object' && !Array.isArray(value);
  return typeof value === type;
}

/** Each of the backend's calls at least once. */
async function useEverything(bench: DigitalOceanBench): Promise<void> {
  const { backend, target, connection, request } = bench;
  const signal = AbortSignal.timeout(20_000);
  const deploy = async (): Promise<string> => {
    const outcome = await backend.trigger(request(), signal);
    await bench.fake.advance();
    return outcome.kind === 'accepted' ? outcome.backendRef : '';
  };
  const wish = { repository: { fullName: repository, name: 'x' }, branch: 'main', name: 'new-app' };
  await backend.account?.test(connection, signal);
  for (const _ of [1, 2]) await backend.account?.creation?.propose(connection, wish, signal);
  await backend.account?.creation?.create(connection, wish, signal);
  await backend.check(target, signal);
  await backend.fix?.(target, 'no-deploy-on-push', signal);
  const first = await deploy();
  await bench.fake.finish();
  const { deploymentId, commit, idempotencyKey, fencing } = request();
  const sent = { deploymentId, commit, target, backendRef: first };
  await backend.observe?.(sent, signal);
  await backend.logs?.(sent, signal);
  await backend.lookup?.({ ...sent, sent: { first: 0, last: 0 } }, signal);
  const second = await deploy();
  await backend.cancel?.({ ...sent, backendRef: second }, signal);
  await deploy();
  await bench.fake.finish();
  const back = { ...sent, idempotencyKey, fencing, toDeploymentId: 'd', toBackendRef: first };
  await backend.rollback?.(back, signal);
  await backend.resume?.(target, signal);
}
