import assert from 'node:assert/strict';
import { checkTargetByStep } from '../../src/actions/check-target.js';
import {
  saveTargetByStep,
  type SavedTarget,
  type SaveTargetDeps,
  type TargetForm,
} from '../../src/actions/save-target.js';
import type { CheckResult } from '../../src/core/backend.js';
import { StateError } from '../../src/core/errors.js';
import { PreflightError, type CheckProgress } from '../../src/core/preflight.js';
import {
  matchesRefPattern,
  pathPatternProblem,
  refPatternProblem,
} from '../../src/lib/patterns.js';
import { createKeyRing } from '../../src/vault/key-ring.js';
import { createVault } from '../../src/vault/vault.js';
import { commit, createEngine, type Engine } from '../support/engine.js';
import { FakeBackend } from '../support/fake-backend.js';

class CloningBackend extends FakeBackend {
  readonly usesCloneCredential = true as const;
  checks = 0;

  override check(): Promise<CheckResult> {
    this.checks += 1;
    return super.check();
  }
}

type Answer = SavedTarget | CheckProgress;

describe('saving a target one step of its check a call', () => {
  let engine: Engine;
  let backend: CloningBackend;
  let fetches: number;
  let deps: SaveTargetDeps;
  let form: TargetForm;

  beforeEach(async () => {
    backend = new CloningBackend();
    engine = await createEngine({ backend });
    engine.bitbucket.refs.set('branch:main', { hash: commit('a'), message: 'One', author: 'Ada' });
    fetches = 0;
    deps = {
      ...engine.requestDeps,
      ...{ bitbucket: engine.bitbucket, vault: engine.vault, ids: engine.ids },
      matches: matchesRefPattern,
      ...{ patternProblem: refPatternProblem, pathProblem: pathPatternProblem },
      tryFetch: () => {
        fetches += 1;
        return Promise.resolve({ kind: 'done' });
      },
    };
    form = {
      ...{ targetId: null, expectedVersion: 0, repository: await engine.repository() },
      ...{ backend: backend.id, name: 'Production', branchPattern: 'main', tagPattern: null },
      ...{ settings: {}, by: { name: 'Ada Example' } },
    };
  });
  afterEach(() => engine.close());

  const call = (checked: string, over: Partial<TargetForm> = {}): Promise<Answer> =>
    saveTargetByStep({ ...form, ...over }, checked, deps);
  const progress = (answer: Answer): CheckProgress =>
    'next' in answer ? answer : assert.fail('it was saved');
  const targets = () => engine.storage.read.targets.ofRepository(form.repository.id);
  /** Until nothing is left but to save. */
  async function tried(over: Partial<TargetForm> = {}): Promise<CheckProgress> {
    let now = progress(await call('', over));
    while (now.next !== null) now = progress(await call(now.checked, over));
    return now;
  }

  it('tries one thing a call, once, and stores nothing before all are over', async () => {
    const nexts: (string | null)[] = [];
    let answer = await call('');
    while ('next' in answer) {
      assert.deepEqual(await targets(), []);
      nexts.push(answer.next);
      assert.equal(answer.steps.length, nexts.length - 1);
      answer = await call(answer.checked);
    }
    assert.deepEqual(nexts, ['ref', 'clone', 'backend', null]);
    assert.deepEqual(await targets(), [answer.target]);
    assert.deepEqual(
      answer.steps.map(({ outcome }) => outcome),
      ['ok', 'ok', 'ok'],
    );
    assert.equal(fetches, 1);
    assert.equal(backend.checks, 1);
  });

  it('goes on at another node, which shares nothing but database and keys', async () => {
    const { checked } = await tried();
    const vault = createVault(createKeyRing([engine.masterKey]));
    const answer = await saveTargetByStep(form, checked, { ...deps, vault });
    assert.ok('target' in answer);
    assert.equal(fetches, 1);
  });

  it('takes nobody’s word: what is made up, of another key or about other settings begins anew', async () => {
    const { checked } = await tried();
    const other = createVault(createKeyRing([Buffer.alloc(32, 1)])).seal('{}', 'anything');
    for (const word of ['done', `${checked}x`, checked.slice(0, -4), other]) {
      assert.equal(progress(await call(word)).next, 'ref', word);
    }
    for (const over of [
      { branchPattern: 'next' },
      { name: 'Other' },
      { settings: { folder: 'b' } },
      { settings: { token: 'not-what-was-tried' } },
    ]) {
      assert.equal(progress(await call(checked, over)).next, 'ref', JSON.stringify(over));
    }
    assert.deepEqual(await targets(), []);
  });

  it('does not go by what was found long ago', async () => {
    const { checked } = await tried();
    engine.clock.advance(3 * 60_000);
    assert.equal(progress(await call(checked)).next, 'ref');
  });

  it('stores one target when the last call is sent twice, even at the same time', async () => {
    const { checked } = await tried();
    const [one, two] = await Promise.all([call(checked), call(checked)]);
    const three = await call(checked);
    assert.ok('target' in one && 'target' in two && 'target' in three);
    assert.deepEqual([two.target.id, three.target.id], [one.target.id, one.target.id]);
    assert.equal((await targets()).length, 1);
  });

  it('refuses after the last step, with all that was found', async () => {
    backend.onCheck = { ok: false, problems: [{ field: 'folder', message: 'No such folder.' }] };
    const refusal = await tried().catch((error: unknown) => error);
    assert.ok(refusal instanceof PreflightError);
    assert.equal(refusal.fields['settings.folder'], 'No such folder.');
    assert.deepEqual(
      refusal.steps.map(({ outcome }) => outcome),
      ['ok', 'ok', 'failed'],
    );
    assert.deepEqual(await targets(), []);
  });

  it('says before the first step that somebody else saved it meanwhile', async () => {
    const saved = await call((await tried()).checked);
    assert.ok('target' in saved);
    const edit = { targetId: saved.target.id, expectedVersion: saved.target.version };
    const { checked } = await tried(edit);
    assert.ok('target' in (await call(checked, edit)));
    const before = fetches;
    await assert.rejects(call('', edit), (error) => {
      return error instanceof StateError && error.code === 'target_changed';
    });
    assert.equal(fetches, before);
  });

  it('checks a stored target the same way, and ends with what was found', async () => {
    const saved = await call((await tried()).checked);
    assert.ok('target' in saved);
    const check = (checked: string) => checkTargetByStep(saved.target.id, checked, deps);
    let answer = await check('');
    const nexts: (string | null)[] = [];
    while ('next' in answer) {
      nexts.push(answer.next);
      answer = await check(answer.checked);
    }
    assert.deepEqual(nexts, ['ref', 'clone', 'backend']);
    assert.equal(answer.steps.length, 3);
  });
});
