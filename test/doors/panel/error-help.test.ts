import assert from 'node:assert/strict';
import { errorCatalogue } from '../../../src/core/errors.js';
import { fakePanel } from './support/fake-panel.js';
import { openPanel, servePanel, type ServedPanel } from './support/serve-panel.js';

describe('help with an error', () => {
  let served: ServedPanel;
  beforeEach(async () => {
    served = await servePanel(fakePanel());
  });
  afterEach(async () => served.close());

  it('is one link away, at the place of that error', async () => {
    const client = await openPanel(served.url);
    const refused = await client.post('target/remove', { targetId: 'nobody' });
    assert.equal(refused.status, 404);
    const [, href] =
      /href="([^"]*\/public\/errors#target_unknown)"/.exec(await refused.text()) ?? [];
    assert.ok(href);
    const page = await (await fetch(new URL(href, served.url))).text();
    assert.match(page, /id="target_unknown"/);
  });

  it('is there for every code, without signing in', async () => {
    const answer = await fetch(`${served.url}/public/errors`);
    assert.equal(answer.status, 200);
    const page = await answer.text();
    for (const code of Object.keys(errorCatalogue)) assert.ok(page.includes(`id="${code}"`), code);
  });
});
