import assert from 'node:assert/strict';
import type { Attempt } from '../../../src/core/model/index.js';
import {
  aDecision,
  aDeployment,
  aPush,
  aTarget,
  fakePanel,
  startOfTime,
  type FakePanel,
} from './support/fake-panel.js';
import {
  openPanel,
  servePanel,
  type PanelClient,
  type ServedPanel,
} from './support/serve-panel.js';

describe('panel activity', () => {
  let served: ServedPanel;
  let fake: FakePanel;
  let client: PanelClient;
  const open = async (over: Partial<FakePanel>): Promise<void> => {
    fake = fakePanel({ targets: [aTarget()], ...over });
    served = await servePanel(fake);
    client = await openPanel(served.url);
  };
  afterEach(async () => served.close());
  const poll = '/panel/fragments/deployments';

  it('answers 304 while nothing changed but the time, and 200 when something did', async () => {
    await open({ deployments: [aDeployment({ state: 'building', finishedAt: null })] });
    const first = await client.get(poll);
    const etag = first.headers.get('etag') ?? '';
    assert.match(await first.text(), /data-state="building"/);
    served.clock.now += 5 * 60_000;
    const headers = { 'if-none-match': etag, 'cache-control': 'no-cache' };
    assert.equal((await client.get(poll, headers)).status, 304);
    Object.assign(fake.deployments[0] ?? {}, { state: 'failed', reason: 'It broke.' });
    const changed = await client.get(poll, headers);
    assert.equal(changed.status, 200);
    assert.match(await changed.text(), /It broke\./);
  });

  it('asks every 2 s while something runs, every 5 s otherwise', async () => {
    await open({ deployments: [aDeployment({ state: 'queued' })] });
    assert.match(client.html, /data-every="2000"/);
    fake.deployments = [aDeployment({ state: 'live' })];
    assert.match(await (await client.get(poll)).text(), /data-every="5000"/);
  });

  it('shows 20, and more on demand', async () => {
    const deployments = Array.from({ length: 45 }, (_, n) => aDeployment({ id: `D${n}` }));
    await open({ deployments });
    const count = (html: string) => html.match(/data-deployment=/g)?.length;
    assert.equal(count(client.html), 20);
    assert.match(client.html, /data-load="\/panel\/fragments\/deployments\?pages&#x3D;2"/);
    const two = await (await client.get(`${poll}?pages=2`)).text();
    assert.equal(count(two), 40);
    assert.match(two, /data-poll="\/panel\/fragments\/deployments\?pages&#x3D;2"/);
    const three = await (await client.get(`${poll}?pages=3`)).text();
    assert.equal(count(three), 45);
    assert.doesNotMatch(three, /more-deployments/);
    assert.equal(new Set(three.match(/data-deployment="[^"]*"/g)).size, 45);
  });

  it('says for every push what was done with it, and why', async () => {
    await open({
      targets: [aTarget()],
      deployments: [aDeployment({ id: 'D1', state: 'failed' })],
      pushes: [
        aPush({
          decisions: [aDecision({ outcome: 'deploy', deploymentId: 'D1', reason: 'Fits.' })],
        }),
        aPush({ id: 'C2', name: 'docs', decisions: [aDecision({ refChangeId: 'C2' })] }),
        aPush({ id: 'C3', kind: 'delete', to: null, decisions: [] }),
      ],
    });
    assert.match(client.html, /Did not reach <bdi[^>]*>Production<\/bdi>/);
    assert.match(client.html, /Not deployed to <bdi[^>]*>Production<\/bdi>/);
    assert.match(client.html, /Branch docs does not match main\./);
    assert.match(client.html, /No target was set up when this push arrived\./);
    assert.match(client.html, /deleted branch/);
  });

  it('says what a push that is not decided yet waits for', async () => {
    const waits = aDeployment({ state: 'queued', startedAt: null, finishedAt: null });
    const decision = aDecision({
      outcome: 'pending',
      deploymentId: 'D1',
      reason: 'Branch main matches main.',
    });
    const said = async (over: Partial<typeof waits>): Promise<string> => {
      fake.deployments = [{ ...waits, ...over }];
      const html = await (await client.get(poll)).text();
      const text = html.slice(html.indexOf('id="pushes"')).replace(/<svg.*?<\/svg>|<[^>]*>/gs, '');
      return text.replace(/\s+/g, ' ');
    };
    await open({ pushes: [aPush({ decisions: [decision] })] });
    assert.match(
      await said({ pendingChecks: ['head'] }),
      /Not decided yet for Production Queued ?Branch main matches main\. Bitbucket is asked first whether/,
    );
    const reason = 'Waits for Bitbucket: it did not answer.';
    assert.match(await said({ pendingChecks: ['head'], reason }), /Waits for Bitbucket/);
    const overtaken = await said({ state: 'superseded', supersededBy: 'abcdef0123456789' });
    assert.match(
      overtaken,
      /Overtaken on its way to Production Superseded ?The newer commit abcdef01/,
    );
    assert.doesNotMatch(overtaken, /Not decided/);
  });

  it('keeps speaking of a target that was removed', async () => {
    await open({
      targets: [aTarget({ state: 'removed' })],
      deployments: [aDeployment()],
      pushes: [aPush({ decisions: [aDecision()] })],
    });
    assert.match(client.html, /to <bdi class="clip">Production<\/bdi>/);
    assert.doesNotMatch(client.html, /deployment\/redeploy/);
  });

  it('links to Bitbucket, to the page to share, and to what is live', async () => {
    await open({
      targets: [aTarget({ liveDeploymentId: 'D1' })],
      deployments: [aDeployment({ url: 'https://shop.example.com/' })],
    });
    const commit = 'a1b2c3d4e5f60718293a4b5c6d7e8f9012345678';
    assert.ok(client.html.includes(`href="${served.url}/acme/shop/commits/${commit}"`));
    assert.ok(client.html.includes(`href="${served.url}/d/token-of-d1-0123456789"`));
    assert.ok(client.html.includes('href="https://shop.example.com/"'));
  });

  it('shows the calls to a backend to admins only', async () => {
    const attempts: Attempt[] = [
      {
        ...{ id: 'A1', deploymentId: 'D1', kind: 'trigger', number: 1, fencing: 1 },
        ...{ startedAt: 0, finishedAt: 1, outcome: 'accepted', detail: null },
        exchanges: [
          {
            ...{ at: 0, ms: 20, method: 'POST', address: 'https://ci.example.com/<hook>' },
            ...{ requestHeaders: { accept: 'application/json' }, requestBody: '{"call":1}' },
            ...{ status: 202, responseHeaders: {}, responseBody: 'taken', failure: null },
          },
        ],
      },
    ];
    await open({ deployments: [aDeployment()], attempts });
    assert.match(client.html, /calls\?deploymentId=D1/);
    const text = await (await client.get('/panel/fragments/calls?deploymentId=D1')).text();
    assert.match(text, /POST https:\/\/ci\.example\.com\/&lt;hook&gt;/);
    assert.match(text, /Answered 202 after under 1 s\n\ntaken/);
    fake.permissionIs = 'read';
    const reader = await openPanel(served.url);
    assert.doesNotMatch(reader.html, /calls\?deploymentId/);
    assert.equal((await reader.get('/panel/fragments/calls?deploymentId=D1')).status, 403);
  });

  it('shows logs to admins only', async () => {
    const deployments = [aDeployment({ logTail: ['the-last-line'] })];
    await open({ deployments });
    assert.match(client.html, /the-last-line/);
    const log = await client.get('/panel/fragments/log?deploymentId=D1');
    assert.match(await log.text(), /whole log of D1\n&lt;script&gt;/);
    fake.permissionIs = 'read';
    const reader = await openPanel(served.url);
    assert.doesNotMatch(reader.html, /the-last-line|Whole log/);
    assert.equal((await reader.get('/panel/fragments/log?deploymentId=D1')).status, 403);
  });

  it('keeps the card’s status up to date with every poll', async () => {
    await open({ targets: [aTarget({ liveDeploymentId: 'D1' })], deployments: [aDeployment()] });
    const hold = { since: startOfTime, by: 'Ada', reason: 'broken checkout' };
    Object.assign(fake.targets[0] ?? {}, { hold });
    const html = await (await client.get(poll)).text();
    assert.match(html, /id="status-T1" data-oob/);
    assert.match(html, /broken checkout/);
  });
});

describe('panel story and choice', () => {
  let served: ServedPanel;
  let fake: FakePanel;
  let client: PanelClient;
  beforeEach(async () => {
    fake = fakePanel({
      targets: [aTarget()],
      deployments: [aDeployment({ id: 'D1' }), aDeployment({ id: 'D2', refName: 'docs' })],
      pushes: [
        aPush({ decisions: [aDecision({ outcome: 'deploy', deploymentId: 'D1' })] }),
        aPush({ id: 'C2', name: 'docs' }),
      ],
      arrivals: new Map([['C1', [{ door: 'connect', receivedAt: startOfTime, attemptNumber: 1 }]]]),
    });
    served = await servePanel(fake);
    client = await openPanel(served.url);
  });
  afterEach(async () => served.close());
  const get = async (path: string): Promise<string> => (await client.get(path)).text();

  it('opens the story of a push, keeps it open with every poll, and closes it', async () => {
    assert.doesNotMatch(client.html, /class="story"/);
    const [, open] = /data-load="([^"]*push&#x3D;C1)"/.exec(client.html) ?? [];
    const opened = await get((open ?? '').replaceAll('&#x3D;', '='));
    assert.match(opened, /class="story"/);
    assert.match(opened, /Received through the app’s webhook/);
    assert.match(opened, /data-poll="\/panel\/fragments\/deployments\?push&#x3D;C1"/);
    assert.match(opened, /id="story-C1" data-load="\/panel\/fragments\/deployments"/);
  });

  it('shows only what was chosen, and says so where nothing fits', async () => {
    const docs = await get('/panel/fragments/deployments?branch=docs');
    assert.match(docs, /data-deployment="D2"/);
    assert.doesNotMatch(docs, /data-deployment="D1"/);
    assert.match(docs, /<option value="docs" selected>/);
    const none = await get('/panel/fragments/deployments?branch=gone&state=failed');
    assert.match(none, /No deployment fits this choice\./);
    assert.match(none, /No push fits this choice\./);
  });

  it('keeps the choice after an action', async () => {
    const answer = await client.post('deployment/redeploy', {
      deploymentId: 'D1',
      view: 'branch=docs',
    });
    assert.match(
      await answer.text(),
      /data-poll="\/panel\/fragments\/deployments\?branch&#x3D;docs"/,
    );
  });
});
