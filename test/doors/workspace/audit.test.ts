import assert from 'node:assert/strict';
import { removeTarget, setAutomatic } from '../../../src/actions/change-target.js';
import { changedParts } from '../../../src/actions/audit.js';
import { textOfHtml } from '../../support/e2e/panel.js';
import { createEngine, type Engine } from '../../support/engine.js';
import { aTarget } from '../panel/support/fake-panel.js';
import { serveWorkspace, type ServedWorkspace } from './serve-workspace.js';

describe('workspace page: who changed what', () => {
  let engine: Engine;
  let served: ServedWorkspace;
  beforeEach(async () => {
    engine = await createEngine();
    served = await serveWorkspace(engine);
  });
  afterEach(async () => {
    await served.close();
    await engine.close();
  });
  const show = async (query = '') => {
    const { session } = await served.page();
    return textOfHtml((await served.call(session, 'GET', `sections/audit${query}`)).html);
  };

  it('tells of changes by name, newest first', async () => {
    assert.match(await show(), /Nothing was changed yet/);
    const target = await engine.target();
    const ada = { name: 'Ada <b>' };
    await setAutomatic(
      { targetId: target.id, on: false, by: ada },
      { ...engine.requestDeps, vault: engine.vault },
    );
    await removeTarget(
      { targetId: target.id, by: ada },
      { ...engine.requestDeps, vault: engine.vault },
    );
    assert.match(
      await show(),
      /Ada <b> removed the target .* Ada <b> paused automatic deploys of .* added the target /,
    );
  });

  it('goes back page by page', async () => {
    const target = await engine.target();
    for (let n = 0; n < 30; n += 1) {
      const by = { name: `Person ${n}` };
      await setAutomatic(
        { targetId: target.id, on: n % 2 === 0, by },
        { ...engine.requestDeps, vault: engine.vault },
      );
    }
    const { session } = await served.page();
    const { html } = await served.call(session, 'GET', 'sections/audit');
    assert.match(textOfHtml(html), /Person 29 .*Person 5 /);
    assert.doesNotMatch(textOfHtml(html), /Person 4 /);
    const [, before] = /before&#x3D;(\w+)"/.exec(html) ?? /before=(\w+)"/.exec(html) ?? [];
    assert.match(await show(`?before=${before}`), /Person 4 .*Person 0 /);
  });

  it('names the parts that an edit changed, never a value of a secret', () => {
    const before = aTarget({ settings: { folder: 'a', port: 1 } });
    const after = {
      ...before,
      branchPattern: 'main, release/*',
      settings: { folder: 'b', port: 1 },
    };
    const parts = changedParts(before, after, {
      before: { token: 'old-secret' },
      after: { token: 'new-secret' },
    });
    assert.equal(parts, 'branches, folder, token');
    assert.equal(changedParts(before, before, { before: {}, after: {} }), '');
  });
});
