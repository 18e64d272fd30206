import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { forgeSettings, installForgeApp } from '../support/e2e/forge-app.js';
import { Stage } from '../support/e2e/stage.js';

interface Manifest {
  modules: { endpoint: { route?: { path: string } }[] };
}

describe('addresses in the Forge manifest', function () {
  this.timeout(60_000);
  let stage: Stage;

  before(async () => {
    stage = await Stage.open(forgeSettings);
    await installForgeApp(stage);
  });
  after(() => stage?.close());

  const statusOf = async (path: string): Promise<number> =>
    (await fetch(`${stage.server.url}${path}`, { method: 'POST' })).status;

  it('are all served: without an invocation token 401, where nothing is 404', async () => {
    const file = join(stage.folder, 'forge-app', 'manifest.yml');
    const { modules } = parse(readFileSync(file, 'utf8')) as Manifest;
    const paths = modules.endpoint.map(({ route }) => route?.path ?? '/forge/ui');
    assert.ok(paths.length > 5);
    for (const path of paths) assert.equal(await statusOf(path), 401, path);
    assert.equal(await statusOf('/forge/events/nothing'), 404);
  });
});
