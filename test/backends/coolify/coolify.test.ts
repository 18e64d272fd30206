import assert from 'node:assert/strict';
import { openService } from '../support/service-bench.js';
import { openCoolify } from './support/coolify-service.js';
import type { FakeCoolify } from './support/fake-coolify.js';

const signal = (): AbortSignal => AbortSignal.timeout(5_000);

describe('Coolify', () => {
  const opened: { close(): Promise<void> }[] = [];
  const open = async () => {
    let fake: FakeCoolify | undefined;
    const bench = await openService(async (clients) => {
      const made = await openCoolify(clients);
      fake = made.fake;
      return made;
    });
    opened.push(bench);
    assert.ok(fake);
    return { ...bench, fake };
  };
  afterEach(() => Promise.all(opened.splice(0).map((bench) => bench.close())));

  it('believes a 200 only when it names a deployment', async () => {
    const { backend, request, fake } = await open();
    fake.saysInstead = 'Unauthorized to deploy this resource.';
    const outcome = await backend.trigger(request(), signal());
    assert.deepEqual(outcome, {
      kind: 'rejected',
      reason: 'Coolify started nothing: Unauthorized to deploy this resource.',
    });
  });

  it('takes what runs already with this commit for its own, instead of failing', async () => {
    const { backend, request, fake } = await open();
    await backend.trigger(request(), signal());
    const again = await backend.trigger(request(), signal());
    assert.deepEqual(again, { kind: 'accepted', backendRef: fake.deployments[0]?.deployment_uuid });
    assert.equal(fake.deployments.length, 1);
  });

  it('waits where the queue is full, as long as it is told', async () => {
    const { backend, request, fake } = await open();
    fake.queueLimit = 0;
    const outcome = await backend.trigger(request(), signal());
    assert.equal(outcome.kind === 'retry' && outcome.retryAfterMs, 60_000);
  });

  it('builds no branch but the pushed one', async () => {
    const { backend, request, fake, target } = await open();
    const checked = await backend.check(target, signal());
    assert.deepEqual(checked, { ok: true, branch: 'main' });
    fake.addApplication({ git_branch: 'develop' });
    const outcome = await backend.trigger(request(), signal());
    assert.match(
      outcome.kind === 'rejected' ? outcome.reason : '',
      /builds the branch develop now/,
    );
    assert.deepEqual(fake.deployments, []);
  });

  it('refuses an application that is pinned to one commit', async () => {
    const { backend, fake, target } = await open();
    fake.addApplication({ git_commit_sha: 'a'.repeat(40) });
    const checked = await backend.check(target, signal());
    assert.match(checked.ok ? '' : (checked.problems[0]?.message ?? ''), /aaaaaaaaaaaa.*HEAD/);
  });

  it('says which commit was really built', async () => {
    const { backend, request, fake, target } = await open();
    const newer = 'c'.repeat(40);
    fake.head = newer;
    const outcome = await backend.trigger(request(), signal());
    const backendRef = outcome.kind === 'accepted' ? outcome.backendRef : '';
    fake.become(backendRef, 'finished');
    const at = { deploymentId: 'd_1', target, backendRef, commit: request().commit };
    const seen = await backend.observe?.(at, signal());
    assert.deepEqual([seen?.state, seen?.commit], ['live', newer]);
    assert.equal(seen?.url, 'https://ferry-desk.harbour.example');
  });

  it('rolls back by image, and says so when the image is gone', async () => {
    const { backend, request, fake, target } = await open();
    const refs: string[] = [];
    for (const head of ['a', 'b', 'c'].map((digit) => digit.repeat(40))) {
      fake.head = head;
      const outcome = await backend.trigger(request({ commit: head }), signal());
      refs.push(outcome.kind === 'accepted' ? outcome.backendRef : '');
      fake.become(refs.at(-1) ?? '', 'finished');
    }
    const wish = {
      deploymentId: 'd_9',
      target,
      backendRef: null,
      idempotencyKey: 'd_9',
      fencing: 9,
    };
    const to = (index: number, commit: string) => ({
      ...{ ...wish, commit, toDeploymentId: 'd_1', toBackendRef: refs[index] ?? '' },
    });
    const gone = await backend.rollback?.(to(0, 'a'.repeat(40)), signal());
    assert.match(gone?.kind === 'rejected' ? gone.reason : '', /no longer keeps the image/);
    const back = await backend.rollback?.(to(1, 'b'.repeat(40)), signal());
    assert.equal(back?.kind, 'accepted');
    assert.equal(fake.deployments[0]?.rollback, true);
  });

  it('leaves out of the log what Coolify hides, and the token', async () => {
    const { backend, request, fake, target, secretValues } = await open();
    const outcome = await backend.trigger(request(), signal());
    const backendRef = outcome.kind === 'accepted' ? outcome.backendRef : '';
    const [running] = fake.deployments;
    assert.ok(running);
    running.logs = JSON.stringify([
      { output: 'Building', hidden: false },
      { output: 'docker login', hidden: true },
      { output: `token ${secretValues[0]}` },
    ]);
    const at = { deploymentId: 'd_1', target, backendRef, commit: request().commit };
    assert.equal(await backend.logs?.(at, signal()), 'Building\ntoken [hidden]\n');
  });

  it('needs the permission to deploy, and says that it is the credential', async () => {
    const { backend, request, fake } = await open();
    fake.abilities.delete('deploy');
    const outcome = await backend.trigger(request(), signal());
    assert.equal(outcome.kind === 'rejected' && outcome.needsReconnect, true);
  });
});
