import assert from 'node:assert/strict';
import {
  removeWorkspaceCredential,
  saveWorkspaceCredential,
  type OpenedSecret,
} from '../../../src/actions/workspace-credentials.js';
import { BitbucketError } from '../../../src/core/errors.js';
import { createEngine, workspaceUuid, type Engine } from '../../support/engine.js';
import { textOfHtml } from '../../support/e2e/panel.js';
import { serveWorkspace, type ServedWorkspace } from './serve-workspace.js';

const secret = 'ATCTT3xFfGN0-secret-of-the-team';

describe('workspace page: credentials', () => {
  let engine: Engine;
  let served: ServedWorkspace;
  let session: string;
  let refused: number | null;
  let asked: OpenedSecret[];
  beforeEach(async () => {
    engine = await createEngine();
    refused = null;
    asked = [];
    const deps = {
      ...{ ...engine, clock: engine.clock.now, waker: { wake: () => undefined } },
      onChange: () => undefined,
      test: (one: OpenedSecret) => {
        asked.push(one);
        const answer = { scopes: 'repository' };
        return refused === null
          ? Promise.resolve(answer)
          : Promise.reject(new BitbucketError('bitbucket_refused', '<i>', { status: refused }));
      },
    };
    served = await serveWorkspace(engine, {
      credentials: {
        save: (form) => saveWorkspaceCredential(form, deps),
        remove: (which) => removeWorkspaceCredential(which, deps),
      },
    });
    session = (await served.page()).session;
  });
  afterEach(async () => {
    await served.close();
    await engine.close();
  });

  const act = (name: string, fields: object) =>
    served.call(session, 'POST', `actions/credentials/${name}`, fields);
  const show = async (query = '') =>
    (await served.call(session, 'GET', `sections/credentials${query}`)).html;
  const stored = () => engine.storage.read.workspaceCredentials.ofWorkspace(workspaceUuid);

  it('offers both kinds, each with the boxes to tick in Bitbucket', async () => {
    assert.match(
      textOfHtml(await show()),
      /None yet.*OAuth consumer of the workspace.*Access token/,
    );
    const consumer = await show('?kind=consumer');
    assert.match(
      textOfHtml(consumer),
      /OAuth consumers → Add consumer.*private consumer.*Repositories: Read/,
    );
    assert.match(consumer, /type="password"[^>]*name="secret"|name="secret"[^>]*type="password"/);
    assert.match(
      textOfHtml(await show('?kind=access_token')),
      /Repository settings → Access tokens.*Expires on/,
    );
  });

  it('stores what Bitbucket accepts, and never shows it again', async () => {
    const fields = { kind: 'consumer', clientId: 'key-of-acme', secret };
    const { status, html } = await act('save', fields);
    assert.equal(status, 200);
    assert.match(
      textOfHtml(html),
      /Bitbucket accepted it.*for the whole workspace Works.*May: repository.*Grace Hopper/,
    );
    assert.doesNotMatch(html, /form-credential"/, 'the form is closed');
    assert.equal(asked[0]?.secret, secret);
    for (const page of [html, await show(), await show('?kind=consumer')]) {
      assert.doesNotMatch(page, new RegExp(secret));
    }
    assert.match(await show('?kind=consumer'), /value="key-of-acme"/);
  });

  it('takes a token of one repository, with its end', async () => {
    await engine.repository();
    await act('save', {
      kind: 'access_token',
      secret,
      repository: 'Acme/Site',
      endsOn: '2027-03-31',
    });
    const [one] = await stored();
    assert.equal(one?.endsAt, Date.UTC(2027, 2, 31));
    assert.match(textOfHtml(await show()), /Access token for acme\/site Works.*Expires/);
  });

  for (const [what, fields, words] of [
    ['an unknown repository', { repository: 'acme/other' }, /does not know this repository/],
    ['a date nobody writes', { endsOn: '31.03.2027' }, /year-month-day/],
    ['nothing at all', { secret: '' }, /Paste the token/],
  ] as const) {
    it(`says what is wrong at its field: ${what}`, async () => {
      const { status, html } = await act('save', { kind: 'access_token', secret, ...fields });
      assert.equal(status, 422);
      assert.match(html, /aria-invalid="true"/);
      assert.match(textOfHtml(html), words);
      assert.doesNotMatch(html, new RegExp(secret));
      assert.deepEqual(await stored(), []);
    });
  }

  it("says in Bitbucket's words for boxes what a refused one lacks", async () => {
    refused = 403;
    const { status, html } = await act('save', { kind: 'consumer', clientId: 'k', secret });
    assert.equal(status, 422);
    assert.match(textOfHtml(html), /made in this workspace.*Repositories: Read/);
    assert.doesNotMatch(html, /<i>/);
  });

  it('shows what is wrong with those there are, and removes them', async () => {
    await act('save', { kind: 'access_token', secret });
    const [one] = await stored();
    assert.ok(one);
    const broken = { ...one, state: 'broken', brokenReason: 'it has <expired>.' } as const;
    await engine.storage.write((tx) => tx.workspaceCredentials.save(broken));
    assert.match(textOfHtml(await show()), /Refused it has <expired>/);
    const removed = await act('remove', { id: one.id });
    assert.match(textOfHtml(removed.html), /deleted here.*None yet/);
    assert.deepEqual(await stored(), []);
  });
});
