import assert from 'node:assert/strict';
import type { TargetListing } from '../../../src/core/backend.js';
import { openService } from '../support/service-bench.js';
import { openRender } from './support/render-service.js';

const signal = (): AbortSignal => AbortSignal.timeout(5_000);

describe('Render', () => {
  const opened: { close(): Promise<void> }[] = [];
  const open = async () => {
    const service: { fake?: Awaited<ReturnType<typeof openRender>>['fake'] } = {};
    const bench = await openService(async (clients) => {
      const made = await openRender(clients);
      service.fake = made.fake;
      return made;
    });
    opened.push(bench);
    assert.ok(service.fake);
    return { ...bench, fake: service.fake };
  };
  afterEach(() => Promise.all(opened.splice(0).map((bench) => bench.close())));

  it('deploys exactly the commit, and follows each status to its end', async () => {
    const { backend, request, fake, target } = await open();
    const outcome = await backend.trigger(request(), signal());
    assert.equal(outcome.kind, 'accepted');
    const backendRef = outcome.kind === 'accepted' ? outcome.backendRef : '';
    assert.deepEqual(fake.calls.at(-1)?.json, {
      commitId: request().commit,
      clearCache: 'do_not_clear',
    });
    const at = { deploymentId: 'd_1', target, backendRef, commit: request().commit };
    const words: Record<string, string> = {
      queued: 'queued',
      build_in_progress: 'building',
      pre_deploy_in_progress: 'deploying',
      update_in_progress: 'deploying',
      something_new: 'unchanged',
      live: 'live',
    };
    for (const [status, state] of Object.entries(words)) {
      fake.become(backendRef, status);
      const seen = await backend.observe?.(at, signal());
      assert.equal(seen?.state, state, status);
      if (state === 'live') assert.equal(seen?.url, 'https://ferry-desk.onrender.com');
    }
    fake.become(backendRef, 'deactivated');
    assert.equal((await backend.observe?.(at, signal()))?.state, 'superseded');
  });

  it('finds the number of one that was queued without saying it', async () => {
    const { backend, request, fake, target } = await open();
    fake.answersDeployWith = 'queued';
    const sent = Date.now();
    assert.equal((await backend.trigger(request(), signal())).kind, 'unknown');
    const asked = { deploymentId: 'd_1', target, backendRef: null, commit: request().commit };
    const found = await backend.lookup?.({ ...asked, sent: { first: sent, last: sent } }, signal());
    assert.deepEqual(found, { kind: 'found', backendRef: fake.deploys[0]?.id });
  });

  it('looks through the pages of a busy service, not further back than it was sent', async () => {
    const { backend, request, fake, target } = await open();
    await backend.trigger(request(), signal());
    const ours = fake.deploys[0]?.id;
    const sent = Date.now();
    for (let other = 0; other < 50; other += 1) {
      await backend.trigger(request({ commit: `${other % 10}`.repeat(40) }), signal());
    }
    const asked = { deploymentId: 'd_1', target, backendRef: null, commit: request().commit };
    const at = { first: sent - 1_000, last: sent - 1_000 };
    assert.deepEqual(await backend.lookup?.({ ...asked, sent: at }, signal()), {
      kind: 'found',
      backendRef: ours,
    });
    const later = { first: sent + 60_000, last: sent };
    const gone = await backend.lookup?.({ ...asked, sent: later }, signal());
    assert.equal(gone?.kind, 'undecided');
  });

  it('rolls back to an earlier deploy, and takes no other answer for it', async () => {
    const { backend, request, fake, target } = await open();
    await backend.trigger(request(), signal());
    const first = fake.deploys[0]?.id ?? '';
    fake.become(first, 'live');
    await backend.trigger(request({ commit: 'b'.repeat(40) }), signal());
    fake.become(fake.deploys[0]?.id ?? '', 'live');
    const wish = { deploymentId: 'd_3', target, backendRef: null, commit: request().commit };
    const to = { toDeploymentId: 'd_1', toBackendRef: first, idempotencyKey: 'd_3', fencing: 9 };
    const outcome = await backend.rollback?.({ ...wish, ...to }, signal());
    assert.deepEqual(outcome, { kind: 'accepted', backendRef: fake.deploys[0]?.id });
    const never = { ...to, toBackendRef: fake.deploys[0]?.id ?? '' };
    const refused = await backend.rollback?.({ ...wish, ...never }, signal());
    assert.equal(refused?.kind, 'rejected');
  });

  it('warns of auto-deploy, and turns it off', async () => {
    const { backend, fake, target } = await open();
    fake.addService(undefined, { autoDeploy: 'yes' });
    const checked = await backend.check(target, signal());
    const [warning] = checked.ok ? (checked.warnings ?? []) : [];
    assert.match(warning?.message ?? '', /deploy twice/);
    assert.deepEqual(await backend.fix?.(target, warning?.fix?.id ?? '', signal()), {
      kind: 'done',
    });
    assert.deepEqual(await backend.check(target, signal()), { ok: true, warnings: [] });
  });

  it('refuses what its API cannot deploy', async () => {
    const { backend, fake, target } = await open();
    for (const odd of [{ type: 'cron_job' }, { suspended: 'suspended' as const }]) {
      fake.addService(undefined, odd);
      const checked = await backend.check(target, signal());
      assert.equal(!checked.ok && checked.problems[0]?.field, 'service');
    }
  });

  it('lists services page by page', async () => {
    const { backend, fake, target } = await open();
    for (let more = 0; more < 25; more += 1)
      fake.addService(`srv-more${more}`, { name: `n${more}` });
    const { connection } = target;
    assert.ok(connection);
    const names: string[] = [];
    for (let cursor: string | null = null, pages = 0; pages < 3; pages += 1) {
      const listed: TargetListing | undefined = await backend.account?.listTargets?.(
        connection,
        { cursor },
        signal(),
      );
      assert.ok(listed?.ok);
      names.push(...listed.choices.map(({ id }) => id));
      assert.equal(listed.choices[0]?.repository, 'harbour-team/ferry-desk');
      cursor = listed.next;
      if (cursor === null) break;
    }
    assert.equal(new Set(names).size, 26);
  });
});
