import assert from 'node:assert/strict';
import { openService } from '../support/service-bench.js';
import type { FakeVercel } from './support/fake-vercel.js';
import { openVercel } from './support/vercel-service.js';

const signal = (): AbortSignal => AbortSignal.timeout(5_000);

describe('Vercel', () => {
  const opened: { close(): Promise<void> }[] = [];
  const open = async () => {
    let fake: FakeVercel | undefined;
    const bench = await openService(async (clients) => {
      const made = await openVercel(clients);
      fake = made.fake;
      return made;
    });
    opened.push(bench);
    assert.ok(fake);
    const { backend, request, target } = bench;
    const trigger = async (more = {}): Promise<string> => {
      const outcome = await backend.trigger(request(more), signal());
      assert.ok(outcome.kind === 'accepted', JSON.stringify(outcome));
      return outcome.backendRef;
    };
    const observe = async (backendRef: string) => {
      const at = { deploymentId: 'd_1', target, backendRef, commit: request().commit };
      const seen = await backend.observe?.(at, signal());
      assert.ok(seen);
      return seen;
    };
    const rollBack = (toBackendRef: string) => {
      const wish = { deploymentId: 'd_9', target, backendRef: null, commit: request().commit };
      const to = { toDeploymentId: 'd_1', toBackendRef, idempotencyKey: 'd_9', fencing: 9 };
      return backend.rollback?.({ ...wish, ...to }, signal());
    };
    return { ...bench, fake, trigger, observe, rollBack };
  };
  afterEach(() => Promise.all(opened.splice(0).map((bench) => bench.close())));

  it('names repository, branch and commit, and asks for production', async () => {
    const { trigger, fake, request } = await open();
    await trigger();
    const { gitSource, target, meta } = fake.deployments[0] ?? {};
    assert.equal(gitSource?.['sha'], request().commit);
    assert.equal(gitSource['ref'], 'main');
    assert.deepEqual([target, meta], ['production', { slipwayDeployment: 'd_1' }]);
  });

  it('follows it to its end, and shows where it is', async () => {
    const { trigger, observe, fake } = await open();
    const id = await trigger();
    for (const [readyState, state] of [
      ['QUEUED', 'queued'],
      ['INITIALIZING', 'building'],
      ['BUILDING', 'building'],
      ['SOMETHING_NEW', 'unchanged'],
      ['READY', 'live'],
    ] as const) {
      fake.become(id, readyState);
      assert.equal((await observe(id)).state, state, readyState);
    }
    assert.equal((await observe(id)).url, 'https://ferry-desk-1-harbour.vercel.app');
  });

  it('says why it failed, with the end of the log and without the token', async () => {
    const { trigger, observe, fake, secretValues } = await open();
    const id = await trigger();
    fake.become(id, 'ERROR', 'Command "npm run build" exited with 1');
    fake.events.set(id, ['Installing', `npm ERR! ${secretValues[0]}`]);
    const seen = await observe(id);
    assert.deepEqual(seen.logTail, ['Installing', 'npm ERR! [hidden]']);
    assert.match(seen.reason ?? '', /exited with 1/);
  });

  it('explains a build that Vercel blocks', async () => {
    const { trigger, observe, fake, request } = await open();
    fake.strangers.add(request().commit);
    const seen = await observe(await trigger());
    assert.equal(seen.state, 'failed');
    assert.match(seen.reason ?? '', /no member of the team/);
  });

  it('rolls the domains back, and waits until they have moved', async () => {
    const { trigger, observe, rollBack, fake } = await open();
    const first = await trigger();
    fake.become(first, 'READY');
    const second = await trigger();
    fake.become(second, 'READY');
    const outcome = await rollBack(first);
    assert.ok(outcome?.kind === 'accepted');
    assert.equal((await observe(outcome.backendRef)).state, 'deploying');
    const [project] = fake.projects.values();
    fake.finishAlias(project?.id ?? '', 'succeeded');
    assert.equal((await observe(outcome.backendRef)).state, 'live');
    assert.equal(fake.production.get(project?.id ?? ''), first);
  });

  it('promotes, once, what Vercel leaves staged after a rollback', async () => {
    const { trigger, observe, rollBack, fake } = await open();
    const first = await trigger();
    fake.become(first, 'READY');
    fake.become(await trigger(), 'READY');
    await rollBack(first);
    const [project] = fake.projects.values();
    fake.finishAlias(project?.id ?? '', 'succeeded');
    const third = await trigger();
    fake.become(third, 'READY');
    assert.equal((await observe(third)).state, 'deploying');
    assert.equal((await observe(third)).state, 'deploying');
    const promotes = fake.calls.filter(({ path }) => path.includes('/promote/'));
    assert.equal(promotes.length, 1);
    fake.finishAlias(project?.id ?? '', 'succeeded');
    assert.equal((await observe(third)).state, 'live');
  });

  it('finds an unanswered rollback by what the domains were asked to show', async () => {
    const { trigger, fake, backend, target, request } = await open();
    const first = await trigger();
    fake.become(first, 'READY');
    fake.become(await trigger(), 'READY');
    const [project] = fake.projects.values();
    const sent = Date.now();
    const asked = {
      ...{ deploymentId: 'd_9', target, backendRef: null, commit: request().commit },
      ...{ isRollback: true as const, sent: { first: sent, last: sent - 120_000 } },
    };
    assert.equal((await backend.lookup?.(asked, signal()))?.kind, 'absent');
    fake.fail({ fault: 'cut_after', when: ({ path }) => path.includes('/rollback/') });
    const rolled = await backend.rollback?.(
      { ...asked, toDeploymentId: 'd_1', toBackendRef: first, idempotencyKey: 'd_9', fencing: 9 },
      signal(),
    );
    assert.equal(rolled?.kind, 'unknown');
    const found = await backend.lookup?.(asked, signal());
    assert.deepEqual(found, { kind: 'found', backendRef: `rollback:${first}` });
    assert.equal(project?.lastAliasRequest?.toDeploymentId, first);
  });

  it('wants a project that is connected to Bitbucket, of the team that the token is for', async () => {
    const { backend, fake, target } = await open();
    const [project] = fake.projects.values();
    assert.ok(project);
    project.link = { type: 'github', productionBranch: 'main', uuid: '' };
    const other = await backend.check(target, signal());
    assert.equal(!other.ok && other.problems[0]?.field, 'project');
    project.teamId = 'team_other';
    const hidden = await backend.check(target, signal());
    assert.match(hidden.ok ? '' : (hidden.problems[0]?.message ?? ''), /404/);
  });
});
