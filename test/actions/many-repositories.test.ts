import assert from 'node:assert/strict';
import { reconcileDue } from '../../src/actions/reconcile.js';
import { CredentialLimiter } from '../../src/bitbucket/limiter.js';
import {
  change,
  commit,
  createEngine,
  facts,
  workspaceUuid,
  type Engine,
} from '../support/engine.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const repositories = 300;

describe('a workspace of three hundred repositories', function () {
  this.timeout(60_000);
  let engine: Engine;
  let targetId: string;
  /** When which repository was looked at. */
  let looks: { at: number; id: string }[];

  beforeEach(async () => {
    engine = await createEngine();
    targetId = (await engine.target()).id;
    for (let one = 1; one < repositories; one += 1) {
      const named = { ...facts(), uuid: `{other-${one}}`, fullName: `acme/other-${one}` };
      const now = engine.clock.now();
      const repository = await engine.storage.write((tx) =>
        tx.repositories.saveFacts(named, workspaceUuid, now),
      );
      await engine.target({ repository });
    }
    looks = [];
    const limiter = new CredentialLimiter(engine.clock.now);
    const { bitbucket } = engine;
    const heads = bitbucket.heads.bind(bitbucket);
    bitbucket.heads = (repository, refType) =>
      limiter.run(
        () => {
          looks.push({ at: engine.clock.now(), id: repository.id });
          return heads(repository, refType);
        },
        undefined,
        true,
      );
    bitbucket.refs.set('branch:main', { hash: commit('a'), message: 'm', author: 'Ada' });
  });
  afterEach(() => engine.close());

  const deps = () => ({
    ...engine.laneDeps,
    ...engine.laneDeps.routing,
    bitbucket: engine.bitbucket,
    digest: () => '',
    waker: { wake: () => undefined },
  });

  it('is looked at within the budget of one credential, each repository in its turn', async () => {
    const begun = engine.clock.now();
    while (engine.clock.now() < begun + 4 * hourMs) {
      while ((await reconcileDue(deps(), 4)) > 0);
      engine.clock.advance(minuteMs);
    }
    for (const { at } of looks) {
      const hour = looks.filter((one) => one.at > at - hourMs && one.at <= at);
      assert.ok(hour.length <= 600, `${hour.length} calls within an hour`);
    }
    const last = looks.filter(({ at }) => at > begun + 2.5 * hourMs);
    assert.equal(new Set(last.map(({ id }) => id)).size, repositories, 'nobody is left out');
  });

  it('does not hold up a push, however slowly Bitbucket answers', async () => {
    let release = (): void => undefined;
    const slow = new Promise<void>((resolve) => (release = resolve));
    let asked = (): void => undefined;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    const heads = engine.bitbucket.heads.bind(engine.bitbucket);
    engine.bitbucket.heads = async (...question) => {
      asked();
      await slow;
      return heads(...question);
    };
    const looking = reconcileDue(deps(), 4);
    await isAsked;
    await engine.push([change({ to: commit('a') })]);
    for (let looked = 0; looked < 3; looked += 1) {
      while ((await engine.step()) > 0);
      engine.clock.advance(5_000);
    }
    assert.deepEqual(
      (await engine.deployments(targetId)).map(({ state }) => state),
      ['live'],
    );
    assert.equal(looks.length, 0, 'the first look was still waiting');
    release();
    assert.equal(await looking, 4);
  });
});
