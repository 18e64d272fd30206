import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { tempFolder } from '../../support/temp-folder.js';

const root = resolve(import.meta.dirname, '../../..');
const require = createRequire(import.meta.url);

/** Atlassian's own validator, as far as we use it; it has no types. */
interface Validator {
  ProcessorBuilder: {
    instance(): {
      withValidation(type: string): {
        build(): { process(file: string): Promise<{ success: boolean; errors?: object[] }> };
      };
    };
  };
  ValidationTypes: { FULL: string; PRODUCT_TRIGGER: string };
}

interface Manifest {
  app: { id: string };
  environment: { variables: { key: string; default: string }[] };
  modules: Record<string, { key: string; [name: string]: unknown }[]>;
  remotes: { key: string; baseUrl: string }[];
  permissions: { scopes: string[] };
}

/** Every event that Forge has for Bitbucket and we want (reference/bitbucket-forge.md §2.1); names are free text to the validator. */
const knownEvents = new Set([
  'avi:bitbucket:push:repository',
  'avi:bitbucket:updated:repository',
  'avi:bitbucket:deleted:repository',
  'avi:forge:installed:app',
  'avi:forge:upgraded:app',
]);

/** Paths that src/doors/forge serves. */
const routes = ['push', 'repository', 'lifecycle', 'pre-uninstall', 'token-refresh'].map(
  (name) => `/forge/events/${name}`,
);

describe('forge: the app that is deployed', () => {
  const folder = tempFolder('forge-configured');
  let manifest: Manifest;

  before(() => {
    const cli = join(root, 'src', 'cli.ts');
    const app = ['--app-id', '11111111-2222-4333-8444-555555555555'];
    const address = ['--base-url', 'https://deploys.example.com', '--out', folder.path];
    execFileSync(process.execPath, [
      '--import',
      'tsx',
      cli,
      'forge',
      'configure',
      ...app,
      ...address,
    ]);
    manifest = parse(readFileSync(join(folder.path, 'manifest.yml'), 'utf8')) as Manifest;
  });

  after(() => folder.remove());

  it("passes Atlassian's validator, without an account and without a network", async function () {
    this.timeout(60_000);
    const { ProcessorBuilder, ValidationTypes } = require('@forge/manifest') as Validator;
    for (const type of [ValidationTypes.FULL, ValidationTypes.PRODUCT_TRIGGER]) {
      const processor = ProcessorBuilder.instance().withValidation(type).build();
      const result = await processor.process(join(folder.path, 'manifest.yml'));
      assert.deepEqual(result.errors ?? [], []);
      assert.equal(result.success, true);
    }
  });

  it('has id and address filled in, and nothing left of the template', () => {
    assert.equal(manifest.app.id, 'ari:cloud:ecosystem::app/11111111-2222-4333-8444-555555555555');
    assert.deepEqual(manifest.environment.variables, [
      { key: 'SLIPWAY_BASE_URL', default: 'https://deploys.example.com' },
    ]);
  });

  it('subscribes to events that exist', () => {
    const events = manifest.modules['trigger']?.flatMap(({ events }) => events as string[]) ?? [];
    assert.deepEqual(
      events.filter((event) => !knownEvents.has(event)),
      [],
    );
    assert.equal(new Set(events).size, knownEvents.size);
  });

  it('leads to routes that exist, every one but the page’s with a path', () => {
    const endpoints = manifest.modules['endpoint'] ?? [];
    const paths = endpoints
      .filter(({ key }) => key !== 'slipway-ui')
      .map(({ route }) => (route as { path?: string } | undefined)?.path);
    assert.deepEqual(paths.sort(), [...routes].sort());
  });

  it('has remotes that are bare origins, by variables that are declared', () => {
    const declared = manifest.environment.variables.map(({ key }) => `\${${key}}`);
    for (const { baseUrl } of manifest.remotes) assert.ok(declared.includes(baseUrl), baseUrl);
    for (const { default: address } of manifest.environment.variables) {
      assert.equal(new URL(address).origin, address);
    }
  });

  it('asks for the least scopes: two tokens, repositories and workspaces to read', () => {
    assert.deepEqual(manifest.permissions.scopes, [
      'read:app-system-token',
      'read:app-user-token',
      'read:repository:bitbucket',
      'read:workspace:bitbucket',
    ]);
  });

  it('has keys that are not too long, and no function', () => {
    const keys = Object.values(manifest.modules).flatMap((list) => list.map(({ key }) => key));
    assert.deepEqual(
      keys.filter((key) => key.length > 23),
      [],
    );
    assert.equal(manifest.modules['function'], undefined);
  });
});
