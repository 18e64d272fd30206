import assert from 'node:assert/strict';
import { createPersonTokens } from '../../src/actions/person-tokens.js';
import { createBitbucket } from '../../src/bitbucket/client.js';
import { createPersonSource } from '../../src/bitbucket/person-source.js';
import { createTokens } from '../../src/bitbucket/tokens.js';
import { enableRepository } from '../support/enabled-repository.js';
import { ada } from '../support/oauth-peer.js';
import { createPeopleStage } from '../support/people.js';

describe('100 clone credentials at a time while tokens last two seconds', function () {
  this.timeout(30_000);
  let stage: Awaited<ReturnType<typeof createPeopleStage>>;

  beforeEach(async () => {
    stage = await createPeopleStage();
    stage.peer.tokenLifetimeSec = 2;
    await stage.allow();
  });
  afterEach(() => stage.stop());

  function clients() {
    const people = createPersonTokens(stage.deps);
    const { storage, oauth, clock, logger } = stage.deps;
    const enablersOf = async (uuid: string) =>
      (await storage.read.grants.ofRepository(uuid, oauth.clientId)).map((one) => one.userUuid);
    const tokens = createTokens({
      sources: [createPersonSource({ tokens: people, enablersOf })],
      clock,
    });
    return createBitbucket({ ...stage.endpoint, tokens, people, logger, patienceMs: 5_000 });
  }

  it('each is good, and each end of a token costs one renewal, in one process and in two', async () => {
    const repository = await enableRepository(stage.storage, ada);
    const processes = [clients(), clients()] as const;
    for (let round = 0; round < 10; round += 1) {
      const before = stage.peer.count('refresh_token');
      stage.clock.advance(1_900);
      const issued = await Promise.all(
        Array.from({ length: 100 }, (_, at) =>
          processes[at % 2 === 0 ? 0 : 1].cloneCredential(repository),
        ),
      );
      for (const { password, kind, source } of issued) {
        assert.ok(stage.peer.isGood(password));
        assert.deepEqual([kind, source], ['oauth', 'person']);
      }
      assert.equal(new Set(issued.map(({ password }) => password)).size, 1);
      assert.equal(stage.peer.count('refresh_token') - before, 1);
    }
  });

  it('nobody who enabled nothing is asked for their grant', async () => {
    const repository = await enableRepository(stage.storage, { ...ada, uuid: '{somebody-else}' });
    await assert.rejects(clients().cloneCredential(repository), /no way to get a token/);
    assert.equal(stage.peer.calls.filter((call) => call.grant === 'refresh_token').length, 0);
  });
});
