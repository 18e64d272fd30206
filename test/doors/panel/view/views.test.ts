import assert from 'node:assert/strict';
import { z } from 'zod';
import type { Backend } from '../../../../src/core/backend.js';
import { durationText, relativeTime, timeView } from '../../../../src/doors/panel/view/time.js';
import { durationView, reasonText, stateView } from '../../../../src/doors/panel/view/states.js';
import { offeredActions } from '../../../../src/doors/panel/view/offered-actions.js';
import { firstLine, webAddress } from '../../../../src/doors/panel/view/links.js';
import { describeSettings } from '../../../../src/doors/panel/view/settings-fields.js';
import { targetView } from '../../../../src/doors/panel/view/targets.js';
import { etagOf } from '../../../../src/doors/panel/etag.js';
import { formFields } from '../../../../src/doors/panel/form-fields.js';
import {
  aBackend,
  aDeployment,
  aRepository,
  aTarget,
  localSettings,
  startOfTime,
} from '../support/fake-panel.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

describe('panel view models', () => {
  describe('times', () => {
    it('says how long ago in the largest unit', () => {
      const said = (ago: number) => relativeTime(startOfTime - ago, startOfTime);
      assert.equal(said(0), 'just now');
      assert.equal(said(44 * second), 'just now');
      assert.equal(said(45 * second), '1 min ago');
      assert.equal(said(59 * minute + 59 * second), '59 min ago');
      assert.equal(said(hour), '1 h ago');
      assert.equal(said(23 * hour + 59 * minute), '23 h ago');
      assert.equal(said(day), '1 day ago');
      assert.equal(said(29 * day), '29 days ago');
      assert.equal(said(40 * day), '14 Oct 2026');
    });

    it('never speaks of the future when a clock is ahead', () => {
      assert.equal(relativeTime(startOfTime + hour, startOfTime), 'just now');
    });

    it('says when something will end', () => {
      const said = (ahead: number) => relativeTime(startOfTime + ahead, startOfTime);
      assert.equal(said(5 * hour), 'in 5 h');
      assert.equal(said(30 * hour), 'in 1 day');
      assert.equal(said(29 * 24 * hour), 'in 29 days');
      assert.equal(said(40 * 24 * hour), '2 Jan 2027');
    });

    it('gives the absolute time in UTC', () => {
      const view = timeView(startOfTime, startOfTime);
      assert.equal(view.iso, '2026-11-23T13:00:00.000Z');
      assert.match(view.absolute, /23 Nov 2026.*13:00:00 UTC/);
    });

    it('writes durations with two units at most', () => {
      assert.equal(durationText(300), 'under 1 s');
      assert.equal(durationText(59_999), '59 s');
      assert.equal(durationText(80 * second), '1 min 20 s');
      assert.equal(durationText(2 * hour + 5 * minute + 9 * second), '2 h 5 min');
      assert.equal(durationText(3 * hour), '3 h');
      assert.equal(durationText(27 * hour), '1 d 3 h');
    });

    it('counts a running deployment from its start, a waiting one from its creation', () => {
      const base = { createdAt: 1_000, startedAt: null, finishedAt: null };
      assert.deepEqual(durationView({ ...base, state: 'queued' }, 5_000), {
        label: 'waiting for',
        text: '4 s',
        since: 1_000,
      });
      assert.equal(
        durationView({ ...base, startedAt: 3_000, state: 'building' }, 5_000)?.text,
        '2 s',
      );
      assert.equal(durationView({ ...base, finishedAt: 4_000, state: 'superseded' }, 5_000), null);
    });
  });

  describe('states', () => {
    it('tells what is live from what was', () => {
      const one = aDeployment({ id: 'D1', state: 'live' });
      assert.equal(stateView(one, aTarget({ liveDeploymentId: 'D1' })).word, 'Live');
      assert.equal(stateView(one, aTarget({ liveDeploymentId: 'D2' })).word, 'Was live');
      assert.equal(stateView(one, null).word, 'Was live');
    });

    it('always has a reason for an end that is not live', () => {
      for (const state of ['failed', 'stopped', 'superseded', 'handed_off', 'unknown'] as const) {
        assert.ok(reasonText(aDeployment({ state, reason: null })), state);
      }
      assert.equal(reasonText(aDeployment({ state: 'live' })), null);
      assert.equal(
        reasonText(aDeployment({ state: 'superseded', supersededBy: 'abcdef0123456789' })),
        'The newer commit abcdef01 took its place.',
      );
    });
  });

  describe('offered actions', () => {
    const offered = (
      state: Parameters<typeof aDeployment>[0],
      more: { live?: string; backend?: Backend; rights?: 'admin' | 'read' } = {},
    ) =>
      offeredActions(
        aDeployment(state),
        aTarget({ liveDeploymentId: more.live ?? 'D-other' }),
        more.backend ?? aBackend(),
        more.rights ?? 'admin',
      ).map((action) => action.kind);

    it('offers nothing to readers, and nothing for a removed target', () => {
      assert.deepEqual(offered({ state: 'failed' }, { rights: 'read' }), []);
      const removed = aTarget({ state: 'removed' });
      assert.deepEqual(offeredActions(aDeployment(), removed, aBackend(), 'admin'), []);
      assert.deepEqual(offeredActions(aDeployment(), aTarget(), null, 'admin'), []);
    });

    it('offers to cancel what runs, once', () => {
      assert.deepEqual(offered({ state: 'queued' }), ['cancel']);
      assert.deepEqual(offered({ state: 'building' }), ['cancel']);
      assert.deepEqual(offered({ state: 'building', cancelRequestedBy: 'Ada' }), []);
    });

    it('does not offer to cancel what the backend cannot stop', () => {
      const backend = aBackend({ capabilities: { ...aBackend().capabilities, cancel: false } });
      assert.deepEqual(offered({ state: 'building' }, { backend }), []);
      assert.deepEqual(offered({ state: 'queued' }, { backend }), ['cancel']);
    });

    it('offers to roll back to what was live, never to what is', () => {
      assert.deepEqual(offered({ state: 'live' }), ['redeploy', 'rollback']);
      assert.deepEqual(offered({ id: 'D1', state: 'live' }, { live: 'D1' }), ['redeploy']);
      assert.deepEqual(offered({ state: 'failed' }), ['redeploy']);
      const after = { state: 'superseded', url: 'https://x.example' } as const;
      assert.deepEqual(offered(after), ['redeploy', 'rollback']);
      assert.deepEqual(offered({ state: 'superseded' }), ['redeploy']);
      assert.deepEqual(offered({ state: 'live', backendRef: null }), ['redeploy']);
      const backend = aBackend({ capabilities: { ...aBackend().capabilities, rollback: false } });
      assert.deepEqual(offered({ state: 'live' }, { backend }), ['redeploy']);
    });

    it('says in a sentence what a rollback does', () => {
      const [, rollback] = offeredActions(aDeployment(), aTarget(), aBackend(), 'admin');
      assert.match(rollback?.confirm?.sentence ?? '', /Production goes back to a1b2c3d4/);
      assert.match(rollback?.confirm?.sentence ?? '', /until you resume automatic deploys/);
    });
  });

  describe('targets', () => {
    const around = {
      repository: aRepository({ mainBranch: 'trunk' }),
      targets: new Map(),
      backends: [aBackend()],
      places: { baseUrl: 'https://s.example', bitbucketUrl: 'https://b.example' },
      rights: 'admin' as const,
      now: startOfTime,
    };
    const none = { live: null, newest: null, finished: [] };
    const deployOf = (branchPattern: string | null) =>
      targetView(aTarget({ branchPattern }), none, around).deploy?.refName ?? null;

    it('offers one click for a branch that the pattern really means', () => {
      assert.equal(deployOf('release/*, live'), 'live');
      assert.equal(deployOf('t*'), 'trunk');
      assert.equal(deployOf('release/*'), null);
      assert.equal(deployOf(null), null);
    });
  });

  describe('settings', () => {
    it('reads kinds, defaults, limits and labels out of a schema', () => {
      const fields = Object.fromEntries(describeSettings(localSettings).map((f) => [f.key, f]));
      assert.equal(fields['buildCommand']?.maxLength, 200);
      assert.deepEqual(fields['size']?.options, ['small', 'large']);
      assert.equal(fields['keep']?.type, 'number');
      assert.equal(fields['keep']?.max, 50);
      assert.equal(fields['keep']?.defaultValue, 5);
      assert.equal(fields['spa']?.type, 'boolean');
      assert.equal(fields['token']?.meta.secret, true);
      assert.equal(fields['token']?.required, false);
    });

    it('sees through optionals, pipes and unions', () => {
      const schema = z.object({
        a: z.string().meta({ label: 'A label' }).optional(),
        b: z
          .string()
          .transform((text) => text.trim())
          .pipe(z.string().max(3))
          .meta({ label: 'B label' }),
        c: z
          .union([z.literal(''), z.url()])
          .default('')
          .meta({ label: 'C label' }),
        d: z.number().int().meta({ label: 'D label' }),
      });
      const found = describeSettings(schema);
      assert.deepEqual(
        found.map(({ meta, type, required }) => [meta.label, type, required]),
        [
          ['A label', 'string', false],
          ['B label', 'string', true],
          ['C label', 'string', false],
          ['D label', 'number', true],
        ],
      );
      assert.equal(found[3]?.max, null);
    });
  });

  describe('small things', () => {
    it('shows the first line of a message only', () => {
      assert.equal(firstLine('One\r\nTwo'), 'One');
      assert.equal(firstLine(''), 'No commit message');
      assert.equal(firstLine(null), 'No commit message');
    });

    it('links to web addresses only', () => {
      assert.equal(webAddress('https://a.example/'), 'https://a.example/');
      assert.equal(webAddress('javascript:alert(1)'), null);
      assert.equal(webAddress('data:text/html,x'), null);
      assert.equal(webAddress('not an address'), null);
    });

    it('gives the same ETag while only the time goes on', () => {
      const page = (ago: string, state: string) =>
        `<time datetime="x">${ago}</time><span data-since="1">${ago}</span><b>${state}</b>`;
      assert.equal(etagOf(page('1 min ago', 'Live')), etagOf(page('2 min ago', 'Live')));
      assert.notEqual(etagOf(page('1 min ago', 'Live')), etagOf(page('1 min ago', 'Failed')));
    });

    it('takes the last of a repeated field and only text', () => {
      const fields = formFields({ a: ['false', 'true'], b: 3, c: { d: 'x' }, e: null });
      assert.deepEqual(
        [...fields],
        [
          ['a', 'true'],
          ['b', '3'],
        ],
      );
    });
  });
});
