import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { at, Bench, textAt, type Seed } from './support.js';

/** Bitbucket's own description, where it is at hand. */
const file = resolve(import.meta.dirname, '../../../shared/specs/bitbucket-cloud.openapi.json');

type Schema = Record<string, unknown>;

describe('sandbox: answers against Bitbucket’s OpenAPI description', () => {
  let bench: Bench;
  let seed: Seed;
  let token: string;
  let spec: unknown;

  before(async function () {
    if (!existsSync(file)) {
      console.log(`    skipped: there is no ${file}`);
      return this.skip();
    }
    spec = JSON.parse(await readFile(file, 'utf8'));
    bench = await Bench.start();
    seed = await bench.seed();
    token = await bench.userToken('ada', 'account repository repository:admin webhook');
    await bench.push({ tag: 'v1', at: 'main', annotation: 'One' });
    await bench.commit();
    await bench.rest('repositories/acme/site/hooks', token, {
      method: 'POST',
      body: { url: 'http://127.0.0.1:9/', description: 'd', events: ['repo:push'], secret: 's' },
    });
    await bench.rest(`repositories/acme/site/commit/${seed.first}/statuses/build`, token, {
      method: 'POST',
      body: { key: 'k', state: 'FAILED', url: 'http://127.0.0.1/', name: 'n', description: 'd' },
    });
  });

  after(async () => {
    await (bench as Bench | undefined)?.stop();
  });

  const repository = 'repositories/acme/site';
  const cases: [string, string][] = [
    ['user', 'account'],
    ['workspaces/acme', 'workspace'],
    [repository, 'repository'],
    ['repositories/acme', 'paginated_repositories'],
    [`${repository}/refs/branches`, 'paginated_branches'],
    [`${repository}/refs/tags`, 'paginated_tags'],
    [`${repository}/refs/branches/main`, 'branch'],
    [`${repository}/commit/main`, 'commit'],
    [`${repository}/commits`, 'paginated_changeset'],
    [`${repository}/diffstat/main`, 'paginated_diffstats'],
    [`${repository}/src/main/`, 'paginated_treeentries'],
    ['workspaces/acme/permissions/repositories/site', 'paginated_repository_permissions'],
    ['user/workspaces/acme/permissions/repositories', 'paginated_repository_permissions'],
    ['user/workspaces', 'paginated_workspace_access'],
    ['user/workspaces/acme/permission', 'workspace_membership'],
    ['workspaces/acme/members', 'paginated_workspace_memberships'],
    ['workspaces/acme/members/ada', 'workspace_membership'],
    ['users/ada', 'user'],
    [`${repository}/permissions-config/users/ada`, 'repository_user_permission'],
    [`${repository}/hooks`, 'paginated_webhook_subscriptions'],
    ['hook_events', 'subject_types'],
    ['hook_events/workspace', 'paginated_hook_events'],
  ];
  for (const [path, schema] of cases) {
    it(`GET ${path} is a ${schema}`, async () => {
      const answer = await bench.rest(path, token);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(problems(answer.json, named(schema), ''), []);
    });
  }

  it('app users, one webhook, and what the removed calls say', async () => {
    const made = await bench.control('POST', 'access-tokens', {
      workspace: 'acme',
      scopes: 'account',
    });
    const app = await bench.rest('user', textAt(made, 'access_token'));
    assert.deepEqual(problems(app.json, named('app_user'), ''), []);
    const hooks = await bench.rest(`${repository}/hooks`, token);
    const hook = await bench.rest(
      `${repository}/hooks/${encodeURIComponent(textAt(hooks.json, 'values.0.uuid'))}`,
      token,
    );
    assert.deepEqual(problems(hook.json, named('webhook_subscription'), ''), []);
    for (const path of ['workspaces', 'repositories', 'user/permissions/workspaces']) {
      const gone = await bench.rest(path, token);
      assert.equal(gone.status, 410);
      assert.match(textAt(gone.json, 'error.message'), /^CHANGE-\d+/);
    }
  });

  it('build statuses and errors', async () => {
    const statuses = await bench.rest(`${repository}/commit/${seed.first}/statuses`, token);
    assert.deepEqual(problems(statuses.json, named('paginated_commitstatuses'), ''), []);
    const error = await bench.rest('repositories/acme/none', token);
    assert.deepEqual(problems(error.json, named('error'), ''), []);
  });

  it('would notice a wrong answer', () => {
    assert.notDeepEqual(problems({ type: 'error', error: {} }, named('error'), ''), []);
    assert.notDeepEqual(problems({ values: [{ name: 1 }] }, named('paginated_branches'), ''), []);
  });

  function named(name: string): Schema {
    const found = at(spec, `components.schemas.${name}`);
    assert.ok(found, `the description has no ${name}`);
    return found as Schema;
  }

  /** As much of JSON Schema as the description uses; null passes, as it does in practice. */
  function problems(value: unknown, schema: Schema, path: string): string[] {
    const { $ref, allOf, type, properties, required, items } = schema;
    if (typeof $ref === 'string') return problems(value, named($ref.split('/').at(-1) ?? ''), path);
    // Recorded traffic has `committer: {}`, which the description does not know.
    if (value === null || (path.endsWith('.committer') && JSON.stringify(value) === '{}'))
      return [];
    const found: string[] = [];
    for (const part of (allOf ?? []) as Schema[]) found.push(...problems(value, part, path));
    if (typeof type === 'string' && !hasType(value, type)) found.push(`${path}: no ${type}`);
    for (const name of (required ?? []) as string[]) {
      if (at(value, name) === undefined) found.push(`${path}.${name}: missing`);
    }
    for (const [name, inner] of Object.entries((properties ?? {}) as Record<string, Schema>)) {
      const below = at(value, name);
      if (below !== undefined) found.push(...problems(below, inner, `${path}.${name}`));
    }
    if (Array.isArray(value) && items) {
      value.forEach((v, i) => found.push(...problems(v, items as Schema, `${path}[${i}]`)));
    }
    return [...found, ...textProblems(value, schema, path)];
  }

  function textProblems(value: unknown, schema: Schema, path: string): string[] {
    if (typeof value !== 'string') return [];
    const { enum: choices, format } = schema;
    if (Array.isArray(choices) && !choices.includes(value))
      return [`${path}: ${value} is no choice`];
    if (format === 'uri' && !URL.canParse(value)) {
      // Bitbucket itself writes scp-like ssh addresses into `clone`.
      return value.startsWith('git@') ? [] : [`${path}: ${value} is no URI`];
    }
    if (format === 'date-time' && Number.isNaN(Date.parse(value))) return [`${path}: no date`];
    return [];
  }

  function hasType(value: unknown, type: string): boolean {
    if (type === 'array') return Array.isArray(value);
    if (type === 'integer') return Number.isInteger(value);
    return typeof value === type;
  }
});
