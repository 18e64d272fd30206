import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPersonTokens } from '../../src/actions/person-tokens.js';
import { saveWorkspaceCredential } from '../../src/actions/workspace-credentials.js';
import { Browser } from '../doors/oauth/browser.js';
import { ada } from '../support/oauth-peer.js';
import { createPeopleStage } from '../support/people.js';
import { silentLogger } from '../support/silent-logger.js';

describe('a leaked database file and log', () => {
  it('hold no token, code, secret or session in clear', async () => {
    const stage = await createPeopleStage();
    const logger = silentLogger();
    try {
      const browser = new Browser(stage.url);
      const { location } = await browser.get('/oauth/start');
      const callback = stage.peer.allow(location ?? '');
      assert.equal((await browser.get(callback)).status, 303);
      const tokens = createPersonTokens({ ...stage.deps, logger });
      stage.clock.advance(2 * 60 * 60_000);
      const { value } = await tokens.token(ada.uuid);
      stage.peer.revokeAll();
      await assert.rejects(tokens.token(ada.uuid, { unlike: value }));
      const credential = 'ATCT-secret-of-the-workspace';
      await saveWorkspaceCredential(
        {
          ...{ workspaceUuid: '{w}', kind: 'access_token', repositoryUuid: null, clientId: '' },
          ...{ secret: credential, endsAt: null, by: { name: 'Ada' } },
        },
        {
          ...{ ...stage.deps, logger, test: () => Promise.resolve({ scopes: 'repository' }) },
          onChange: () => undefined,
        },
      );
      const secrets = [
        ...stage.peer.issued,
        new URL(callback).searchParams.get('code') ?? '',
        stage.peer.clientSecret,
        browser.cookies.get('slipway_session') ?? '',
        credential,
      ];
      // The code, two access tokens, two refresh tokens, the consumer's secret, the cookie, the credential.
      assert.ok(secrets.length >= 8 && secrets.every((secret) => secret.length >= 12));
      const files = readdirSync(stage.folder.path).filter((name) =>
        name.startsWith('slipway.sqlite'),
      );
      const leaked = Buffer.concat(
        files.map((name) => readFileSync(join(stage.folder.path, name))),
      );
      assert.ok(leaked.includes('Ada Example'), 'the right file, with what was written');
      const log = JSON.stringify([...logger.lines, ...stage.logger.lines], (_key, one: unknown) =>
        one instanceof Error ? `${one.stack} ${JSON.stringify(one)}` : one,
      );
      assert.match(log, /oauth\.grant_broken/);
      for (const secret of secrets) {
        assert.ok(!leaked.includes(secret.slice(0, 40)), 'in the database');
        assert.ok(!log.includes(secret.slice(0, 40)), 'in the log');
      }
    } finally {
      await stage.stop();
    }
  });
});
