import assert from 'node:assert/strict';
import { forgeSettings, installForgeApp } from '../support/e2e/forge-app.js';
import { Stage } from '../support/e2e/stage.js';
import { waitFor } from '../support/e2e/wait-for.js';

interface Delivery {
  id: string;
  attempts: { status: number | null }[];
}

describe('a Forge app that lives and goes', function () {
  this.timeout(60_000);
  let stage: Stage;

  before(async () => {
    stage = await Stage.open(forgeSettings);
    await installForgeApp(stage);
  });
  after(() => stage?.close());

  const renamed = async (): Promise<Delivery[]> => {
    const path = 'forge/deliveries?event=avi:bitbucket:updated:repository';
    return (await stage.bench.control<{ deliveries: Delivery[] }>('GET', path)).deliveries;
  };

  it('learns a new name, which the event itself does not carry', async () => {
    const body = { method: 'GET', path: 'page' };
    const visit = { repository: 'acme/site', user: 'ada', path: '/forge/ui', method: 'POST', body };
    await stage.bench.control('POST', 'forge/invoke', visit);
    const change = { repository: 'acme/site', name: 'Web site', user: 'ada' };
    await stage.bench.control('POST', 'repositories/rename', change);
    await waitFor('the new name', async () => {
      const rows = await stage.rows('SELECT full_name FROM repositories');
      return rows.some((row) => row['full_name'] === 'acme/web-site');
    });
  });

  it('stays uninstalled when an event of before comes late', async () => {
    await stage.bench.control('POST', 'forge/uninstall', { workspace: 'acme' });
    const [told] = await renamed();
    assert.ok(told);
    await stage.bench.control('POST', `forge/deliveries/${told.id}/resend`);
    await stage.bench.idle();
    const late = (await renamed()).at(-1);
    assert.equal(late?.attempts.at(-1)?.status, 204, 'Forge has no reason to try again');
    const rows = await stage.rows("SELECT state FROM installations WHERE door = 'forge'");
    assert.deepEqual(
      rows.map((row) => row['state']),
      ['removed'],
    );
  });
});
