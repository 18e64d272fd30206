import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { forgeScopesFor } from '../../src/sandbox/forge/scopes.js';
import { Router } from '../../src/sandbox/http/router.js';
import { operations } from '../../src/sandbox/rest/operations.js';
import { forgeSettings, installForgeApp } from '../support/e2e/forge-app.js';
import { Stage } from '../support/e2e/stage.js';
import { waitFor } from '../support/e2e/wait-for.js';

const root = resolve(import.meta.dirname, '../..');
const manifest = parse(readFileSync(join(root, 'forge/manifest.yml'), 'utf8')) as {
  permissions: { scopes: string[] };
};

interface Call {
  method: string;
  path: string;
  status: number;
}

/**
 * Scopes of the manifest against the calls that are really made: one too few and something is refused, one too many and every
 * admin is asked for a right that nothing needs. Which call needs which scope is the sandbox's own table.
 */
describe('scopes of the Forge manifest', function () {
  this.timeout(60_000);
  let stage: Stage;

  before(async () => {
    stage = await Stage.open(forgeSettings);
    await installForgeApp(stage);
  });
  after(() => stage?.close());

  it('are exactly those of the calls in the life of an installation', async () => {
    const ask = (module: string, body: object) =>
      stage.bench.control('POST', 'forge/invoke', {
        ...{ repository: 'acme/site', user: 'ada', module },
        ...{ path: '/forge/ui', method: 'POST', body },
      });
    const target = { targetId: '', expectedVersion: '0', name: 'Mine', backend: 'local' };
    const fields = Object.entries({ ...target, branchPattern: '**' });
    await ask('slipway-repo-settings', { method: 'GET', path: 'page' });
    await ask('slipway-ws-settings', { method: 'GET', path: 'page' });
    await ask('slipway-repo-settings', {
      ...{ method: 'POST', path: '/panel/actions/target/save' },
      fields,
    });
    await stage.bench.control('POST', 'push', {
      repository: 'acme/site',
      user: 'ada',
      branch: 'main',
      files: { 'index.html': '<p>Scopes</p>' },
    });
    await waitFor('a build status that has come to an end', async () => {
      const rows = await stage.rows(
        "SELECT id FROM status_reports WHERE settled_at IS NOT NULL AND state IN ('SUCCESSFUL', 'FAILED')",
      );
      return rows.length > 0;
    });
    await waitFor('every name that events left out', async () => {
      const lookups = await stage.rows('SELECT id FROM name_lookups');
      return lookups.length === 0;
    });
    const { calls } = await stage.bench.control<{ calls: Call[] }>('GET', 'calls');
    const api = calls.filter(({ path, status }) => path.startsWith('/2.0/') && status < 300);
    assert.ok(api.length > 5);
    assert.ok(
      api.some(({ path }) => path.includes('/members/')),
      'who pushed was asked for',
    );
    const needed = new Set(api.flatMap(scopesOf));
    const granted = manifest.permissions.scopes.filter((scope) => scope.endsWith(':bitbucket'));
    assert.deepEqual([...needed].sort(), granted.sort());
  });
});

const router = new Router(operations.map((operation) => ({ ...operation, handler: operation })));

function scopesOf({ method, path }: Call): string[] {
  const found = router.find(method, path);
  assert.ok(found && !Array.isArray(found), `${method} ${path} is no call of the API`);
  return forgeScopesFor(found.route.handler) ?? assert.fail(`${path} is not open to Forge`);
}
