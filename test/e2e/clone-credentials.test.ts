import assert from 'node:assert/strict';
import type { DeploymentRow } from '../../src/demo/panel-visitor.js';
import { OwnPages } from '../support/e2e/own-pages.js';
import { textOfHtml } from '../support/e2e/panel.js';
import { Stage } from '../support/e2e/stage.js';
import { waitFor } from '../support/e2e/wait-for.js';

const slipway = { key: 'k'.repeat(32), secret: 's'.repeat(76) };
const person = 'the connection of the person who enabled this repository';

/** A workspace without the app: which credential clones and writes statuses, and what happens when one ends. */
describe('clone credentials without an installed app', function () {
  this.timeout(60_000);
  let stage: Stage;
  let own: OwnPages;
  let seenCalls = 0;

  before(async () => {
    stage = await Stage.open({
      SLIPWAY_OAUTH_CLIENT_ID: slipway.key,
      SLIPWAY_OAUTH_CLIENT_SECRET: slipway.secret,
    });
    await stage.bench.control('POST', 'consumers', {
      ...{ workspace: 'acme', name: 'Slipway', scopes: 'account repository webhook' },
      ...{ ...slipway, callback_url: `${stage.server.url}/oauth/callback` },
    });
    await signIn();
    await own.panel.hook('enable');
    await own.panel.saveTarget({
      ...{ name: 'Production', backend: 'local', branchPattern: 'main' },
    });
  });

  beforeEach(async () => {
    seenCalls = (await calls()).length;
  });
  afterEach(() => stage.clearFaults());
  after(() => stage?.close());

  async function signIn(): Promise<void> {
    own = await OwnPages.signIn(stage.bench.url, stage.server.url);
  }

  interface Call {
    path: string;
    grant: string | null;
    status: number;
  }
  const calls = async (): Promise<Call[]> =>
    (await stage.bench.control<{ calls: Call[] }>('GET', 'calls')).calls;
  const grantsSince = async (): Promise<string[]> =>
    (await calls()).slice(seenCalls).flatMap(({ grant }) => grant ?? []);

  const push = (): Promise<string> => stage.bench.commit({ branch: 'main' });

  async function deployed(): Promise<DeploymentRow & { story: string }> {
    const row = await stage.outcome(await push(), own.panel);
    assert.equal(row.state, 'live', row.reason ?? '');
    const { state } = (await stage.finalStatuses(row.commit)).at(-1) ?? {};
    assert.equal(state, 'SUCCESSFUL');
    return { ...row, story: await storyOf(row) };
  }

  async function storyOf({ page }: DeploymentRow): Promise<string> {
    return textOfHtml(await (await fetch(new URL(page, stage.server.url))).text());
  }

  /** Whose token git came with last, as Bitbucket saw it. */
  async function lastFetcher(): Promise<string | null | undefined> {
    const { operations } = await stage.bench.control<{
      operations: { kind: string; user_kind: string; user: string | null; status: number }[];
    }>('GET', 'git');
    return operations.filter(({ kind, status }) => kind === 'fetch' && status === 200).at(-1)?.user;
  }

  const openNotices = async (): Promise<string[]> => {
    const rows = await stage.rows('SELECT kind FROM notices WHERE resolved_at IS NULL ORDER BY id');
    return rows.map(({ kind }) => String(kind));
  };
  const revokeGrants = () => stage.bench.control('POST', 'grants/revoke', { user: 'ada' });

  it('a person who enabled the repository lends theirs, and the story says so', async () => {
    const { story } = await deployed();
    assert.ok(story.includes(`Cloned with ${person}`), story);
    assert.equal(await lastFetcher(), 'ada');
  });

  it('passing refusals cost nothing: neither a try, nor a notice, nor the grant', async () => {
    const says = {
      type: 'error',
      error: { message: 'Token is invalid, expired, or not supported.' },
    };
    const refused = { status: 401, body: says, times: 1 };
    const faults = [
      await stage.fault({ path: '^/acme/site\\.git/', ...refused }),
      await stage.fault({ method: 'POST', path: '/statuses/build', ...refused }),
    ];
    const { id, story } = await deployed();
    for (const fault of faults) await stage.faultMet(fault);
    assert.ok(story.includes(`Cloned with ${person}`), story);
    const [{ tries } = {}] = await stage.rows(
      'SELECT count(*) AS tries FROM attempts WHERE deployment_id = ?',
      id,
    );
    assert.equal(tries, 1);
    assert.deepEqual(await openNotices(), []);
  });

  it("the workspace's own consumer goes before the person, whose end nobody notices then", async () => {
    const consumer = await stage.bench.control<{ key: string; secret: string }>(
      'POST',
      'consumers',
      {
        ...{ workspace: 'acme', name: 'Acme deploys', is_private: true, scopes: 'repository' },
      },
    );
    const words = await own.settle('credentials/save', {
      ...{ kind: 'consumer', clientId: consumer.key, secret: consumer.secret },
    });
    assert.match(words, /Bitbucket accepted it/);
    await revokeGrants();
    const { story } = await deployed();
    assert.ok(story.includes("Cloned with the workspace's own OAuth consumer"), story);
    assert.equal(await lastFetcher(), 'Acme deploys');
    assert.ok((await grantsSince()).includes('client_credentials'));
    assert.deepEqual(await openNotices(), []);
  });

  it('so does an access token of the workspace, and the next in line when the consumer ends', async () => {
    const token = await stage.bench.control<{ access_token: string }>('POST', 'access-tokens', {
      ...{ workspace: 'acme', name: 'Deploys', scopes: 'repository' },
    });
    await signIn();
    await own.settle('credentials/save', {
      ...{ kind: 'access_token', secret: token.access_token },
    });
    const { consumers } = await stage.bench.control<{ consumers: { key: string; name: string }[] }>(
      'GET',
      'consumers',
    );
    const deploys = consumers.find(({ name }) => name === 'Acme deploys');
    await stage.bench.control('POST', 'consumers/delete', { key: deploys?.key });
    await stage.bench.control('POST', 'tokens/revoke', { consumer: deploys?.key });
    await revokeGrants();
    const { story } = await deployed();
    assert.ok(story.includes('Cloned with an access token of the workspace'), story);
    assert.equal(await lastFetcher(), 'Deploys');
    assert.deepEqual(await openNotices(), ['credential_broken']);
  });

  it('a grant revoked between renewal and use: the deploy waits and says why, once; signing in mends it', async () => {
    await signIn();
    for (const { id } of await stage.rows('SELECT id FROM workspace_credentials')) {
      await own.settle('credentials/remove', { id: String(id) });
    }
    assert.deepEqual(await openNotices(), []);
    await stage.bench.control('POST', 'settings', { token_lifetime_s: 20 });
    await stage.bench.control('POST', 'clock', { offset_ms: 2 * 60 * 60_000 });
    await stage.bench.control('POST', 'tokens/revoke', { user: 'ada' });
    const slow = await stage.fault({ path: '^/acme/site\\.git/', delay_ms: 3_000, times: 1 });
    const commit = await push();
    await stage.faultMet(slow);
    // It is written with the same grant.
    await waitFor('the first build status', async () => (await stage.statuses(commit)).length > 0);
    await revokeGrants();
    const waiting = await waitFor('the deployment to wait', async () => {
      const row = (await own.panel.deployments()).find((one) => one.commit === commit);
      return row?.state === 'queued' && row.reason?.includes('no clone credential') ? row : null;
    });
    assert.match(await storyOf(waiting), /was revoked/);
    assert.deepEqual(await openNotices(), ['grant_broken']);
    const statuses = await stage.statuses(commit);
    assert.equal(statuses.at(-1)?.state, 'INPROGRESS');

    await signIn();
    const row = await stage.outcome(commit, own.panel);
    assert.equal(row.state, 'live', row.reason ?? '');
    assert.deepEqual(await openNotices(), []);
    assert.equal((await stage.finalStatuses(commit)).at(-1)?.state, 'SUCCESSFUL');
  });
});
