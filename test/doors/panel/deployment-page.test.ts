import assert from 'node:assert/strict';
import {
  aDecision,
  aDeployment,
  aPush,
  aTarget,
  fakePanel,
  startOfTime,
  type FakePanel,
} from './support/fake-panel.js';
import { servePanel, type ServedPanel } from './support/serve-panel.js';

describe('page of one deployment', () => {
  let served: ServedPanel;
  let fake: FakePanel;
  const open = async (over: Partial<FakePanel>): Promise<void> => {
    fake = fakePanel({ targets: [aTarget({ liveDeploymentId: 'D1' })], ...over });
    served = await servePanel(fake);
  };
  afterEach(async () => served.close());
  const page = (suffix = '', headers = {}) =>
    fetch(`${served.url}/d/token-of-d1-0123456789${suffix}`, { headers });

  it('shows to anyone how it went, and nothing more', async () => {
    const one = aDeployment({ url: 'https://shop.example.com/', logTail: ['secret line'] });
    await open({ deployments: [one] });
    const answer = await page();
    assert.equal(answer.status, 200);
    const html = await answer.text();
    for (const shown of [
      'Live',
      'a1b2c3d4',
      'Show prices with tax',
      'Production',
      'Ada Lovelace',
    ]) {
      assert.ok(html.includes(shown), shown);
    }
    assert.match(html, /took 34 s/);
    assert.match(html, /href="https:\/\/shop\.example\.com\/"/);
    assert.doesNotMatch(html, /secret line|<form|data-action|Longer text|log-/);
  });

  it('is not kept, not indexed, not framed, and leaks no address', async () => {
    await open({ deployments: [aDeployment()] });
    const { headers } = await page();
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('x-robots-tag'), 'noindex');
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
    assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/);
  });

  it('tells its story from the push on', async () => {
    const decision = aDecision({
      outcome: 'deploy',
      deploymentId: 'D1',
      reason: 'Branch main matches main.',
    });
    await open({
      deployments: [aDeployment({ refChangeId: 'C1' })],
      pushes: [aPush({ decisions: [decision] })],
      arrivals: new Map([['C1', [{ door: 'oauth', receivedAt: startOfTime, attemptNumber: 1 }]]]),
    });
    const html = await (await page()).text();
    assert.match(html, /Received through the repository’s webhook/);
    assert.match(html, /Branch main matches main\./);
  });

  it('says why it failed', async () => {
    await open({ deployments: [aDeployment({ state: 'failed', reason: 'npm ended with 1.' })] });
    assert.match(await (await page()).text(), /npm ended with 1\./);
  });

  it('offers the address only while it is live', async () => {
    const one = aDeployment({ url: 'https://shop.example.com/' });
    await open({ deployments: [one], targets: [aTarget({ liveDeploymentId: 'D2' })] });
    const html = await (await page()).text();
    assert.match(html, /Was live/);
    assert.doesNotMatch(html, /shop\.example\.com/);
  });

  it('refreshes itself while it runs, at the cost of a 304', async () => {
    const one = aDeployment({ state: 'building', finishedAt: null });
    await open({ deployments: [one] });
    assert.match(await (await page()).text(), /data-poll="\/d\/[^"]+\/fragment" data-every="2000"/);
    const fragment = await page('/fragment');
    const etag = fragment.headers.get('etag') ?? '';
    served.clock.now += 60_000;
    assert.equal((await page('/fragment', { 'if-none-match': etag })).status, 304);
    Object.assign(one, { state: 'failed', reason: 'No.' });
    const ended = await page('/fragment', { 'if-none-match': etag });
    assert.equal(ended.status, 200);
    assert.match(await ended.text(), /data-every="0"/);
  });

  it('is a friendly 404 for a token nobody has', async () => {
    await open({ deployments: [aDeployment()] });
    for (const token of ['token-of-d9-0123456789', 'short', '..%2f..%2fetc', 'x'.repeat(500)]) {
      const answer = await fetch(`${served.url}/d/${token}`);
      assert.equal(answer.status, 404, token);
      assert.match(await answer.text(), /There is no such deployment/);
      assert.equal(answer.headers.get('cache-control'), 'no-store');
    }
    assert.equal((await fetch(`${served.url}/d/token-of-d9-0123456789/fragment`)).status, 404);
  });
});
