import assert from 'node:assert/strict';
import { z } from 'zod';
import {
  readDescriptor,
  withForgeTwin,
  withWebhooks,
  type ConnectDescriptor,
} from '../../../src/doors/connect/descriptor.js';

/**
 * A descriptor as reference/bitbucket-connect.md §2 has it. Atlassian's JSON schema for Bitbucket is not to be had; what the
 * reference does not know is refused here, so that nothing gets in by a slip of the pen.
 */
const scopes = [
  ...['account', 'account:write', 'repository', 'repository:write', 'repository:admin'],
  ...['pullrequest', 'pullrequest:write', 'webhook', 'issue:write', 'wiki', 'pipeline:write'],
] as const;
const locations = {
  adminPages: ['org.bitbucket.repository.admin'],
  repoPages: ['org.bitbucket.repository.navigation', 'org.bitbucket.repository.actions'],
} as const;
/** Object of a URL template → the scope without which Bitbucket leaves the placeholder as it is (§2.4). */
const neededScope: Record<string, string> = {
  ...{ user: 'account', target_user: 'account', workspace: 'account', principal: 'account' },
  ...{ repository: 'repository', branch: 'repository', commit: 'repository' },
  ...{ file: 'repository', directory: 'repository', pullrequest: 'pullrequest' },
};

const url = z.string().max(2_048).startsWith('/');
const moduleKey = z
  .string()
  .max(128)
  .regex(/^[a-zA-Z0-9-]+$/);
const named = { key: moduleKey, name: z.strictObject({ value: z.string().min(1) }), url };
const shape = z.strictObject({
  key: moduleKey,
  name: z.string().min(1),
  description: z.string().min(1),
  vendor: z.strictObject({ name: z.string(), url: z.url() }).optional(),
  baseUrl: z.url().startsWith('https://'),
  authentication: z.strictObject({ type: z.literal('jwt') }),
  lifecycle: z.strictObject({ installed: url, uninstalled: url }),
  scopes: z.array(z.enum(scopes)).min(1),
  contexts: z.tuple([z.literal('account')]),
  forgeAppId: z
    .string()
    .regex(/^ari:cloud:ecosystem::app\/[0-9a-f-]{36}$/)
    .optional(),
  forgeAppLink: z.url().optional(),
  modules: z.strictObject({
    webhooks: z.array(z.strictObject({ event: z.string().max(64), url })),
    adminPages: z.array(z.strictObject({ ...named, location: z.enum(locations.adminPages) })),
    repoPages: z.array(z.strictObject({ ...named, location: z.enum(locations.repoPages) })),
    // One object, not a list.
    configurePage: z.strictObject(named),
  }),
});

function check(descriptor: unknown): z.infer<typeof shape> {
  const checked = shape.parse(descriptor);
  const { webhooks, adminPages, repoPages, configurePage } = checked.modules;
  const pages = [...adminPages, ...repoPages, configurePage];
  const keys = pages.map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length, 'keys are unique over all modules');
  const events = webhooks.map(({ event }) => event);
  assert.equal(new Set(events).size, events.length, 'no event is subscribed to twice');
  for (const { url: template } of pages) {
    for (const [, object = ''] of template.matchAll(/\{(\w+)[^}]*\}/g)) {
      const scope = neededScope[object];
      assert.ok(scope, `{${object}} is no object of Bitbucket's`);
      assert.ok((checked.scopes as string[]).includes(scope), `{${object}} needs ${scope}`);
    }
  }
  return checked;
}

describe('the Connect descriptor', () => {
  const served = (): ConnectDescriptor =>
    withForgeTwin(
      withWebhooks(readDescriptor({ baseUrl: 'https://slipway.example', appKey: 'slipway' })),
      {
        appId: '51195a11-0000-4000-8000-000000000001',
        appLink: 'https://bitbucket.org/site/addons/authorize?x=1',
      },
    );

  it('is what Bitbucket takes, with and without the Forge app that follows it', () => {
    check(served());
    check(withWebhooks(readDescriptor({ baseUrl: 'https://x.example/', appKey: 'my-app' })));
  });

  it('asks for the least: to know who looks, and to read', () => {
    const checked = check(served());
    assert.deepEqual(checked.scopes, ['account', 'repository']);
    assert.deepEqual(
      checked.modules.webhooks.map(({ event }) => event),
      ['repo:push', 'repo:updated', 'repo:transfer', 'repo:deleted'],
    );
  });

  it('names workspace and repository on each page by what never changes', () => {
    const { adminPages, repoPages, configurePage } = check(served()).modules;
    for (const { url: template } of [...adminPages, ...repoPages]) {
      assert.match(template, /\{workspace\.uuid\}.*\{repository\.uuid\}/);
    }
    assert.match(configurePage.url, /\{workspace\.uuid\}/);
  });

  const mistakes: [string, (descriptor: ReturnType<typeof served>) => object][] = [
    ['a plain http address', (is) => ({ ...is, baseUrl: 'http://slipway.example' })],
    ['a scope that Bitbucket does not have', (is) => ({ ...is, scopes: ['account', 'repo'] })],
    ['no scopes, which asks for all', (is) => ({ ...is, scopes: undefined })],
    ['a key of another product', (is) => ({ ...is, apiMigrations: { gdpr: true } })],
    ['a scope too few for its pages', (is) => ({ ...is, scopes: ['account'] })],
    [
      'a list of configure pages',
      (is) => ({
        ...is,
        modules: { ...is.modules, configurePage: [is.modules['configurePage']] },
      }),
    ],
    ['an unknown module', (is) => ({ ...is, modules: { ...is.modules, workspacePages: [] } })],
  ];
  for (const [what, spoil] of mistakes) {
    it(`with ${what} would be noticed here`, () => {
      assert.throws(() => check(spoil(served())));
    });
  }
});
