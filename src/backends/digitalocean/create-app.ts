import type { CreationProposal, CreationResult, CreationWish } from '../../core/backend.js';
import type { CallContext, Failure } from './api.js';
import type { AppCalls } from './app-calls.js';
import { componentKinds, hasNext, type App } from './shapes.js';
import { bitbucketSources, describeApp, isSameRepository } from './source.js';

/** reference/deploy-backends.md §1.4: names of apps and components. */
const nameRule = /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/;

type Plan = { ok: true; spec: Record<string, unknown> } | { ok: false; answer: CreationProposal };

/** What would be made of the repository, and its price. Changes nothing. */
export async function proposeApp(
  wish: CreationWish,
  calls: AppCalls,
  context: CallContext,
): Promise<CreationProposal> {
  const plan = await planApp(wish, calls, context);
  if (!plan.ok) return plan.answer;
  const proposed = await calls.propose(plan.spec, context);
  if (!proposed.ok) return refused(proposed);
  const { app_cost: cost, app_name_available: isFree, app_name_suggestion: other } = proposed.value;
  if (isFree === false) {
    const hint = other === undefined ? '' : ` “${other}” is free.`;
    return { kind: 'refused', field: 'name', reason: `There is an app of this name.${hint}` };
  }
  return {
    kind: 'proposed',
    parts: partsOf(plan.spec),
    cost: cost === undefined ? null : `${cost} USD a month`,
    warnings: [],
  };
}

/** Names are unique in an account, so an unanswered try is found by its name instead of being repeated. */
export async function createApp(
  wish: CreationWish,
  calls: AppCalls,
  context: CallContext,
): Promise<CreationResult> {
  const existing = await findByName(wish, calls, context);
  if (existing) return existing;
  const plan = await planApp(wish, calls, context);
  if (!plan.ok) {
    const { answer } = plan;
    if (answer.kind === 'refused') return answer;
    return { kind: 'refused', reason: 'DigitalOcean still looks at the repository; try again.' };
  }
  const created = await calls.create(plan.spec, context);
  if (created.ok) return { kind: 'created', choice: describeApp(created.value) };
  const isOpen = ['no_answer', 'odd', 'down'].includes(created.why);
  if (isOpen) return { kind: 'unknown', reason: `${created.reason}.` };
  const help =
    created.why === 'forbidden' ? ' To create an app the token also needs app:create.' : '';
  return { kind: 'refused', reason: `${created.reason}.${help}` };
}

async function findByName(
  wish: CreationWish,
  calls: AppCalls,
  context: CallContext,
): Promise<CreationResult | null> {
  let same: App | undefined;
  for (let page = 1; same === undefined; page += 1) {
    const listed = await calls.list(page, context);
    if (!listed.ok) return { kind: 'refused', reason: `${listed.reason}.` };
    const { apps, links } = listed.value;
    same = apps.find((app) => app.spec.name === wish.name);
    if (apps.length === 0 || !hasNext(links)) break;
  }
  if (!same) return null;
  const isOurs = bitbucketSources(same).some(
    ({ repository, branch }) =>
      isSameRepository(repository, wish.repository.fullName) && branch === wish.branch,
  );
  if (isOurs) return { kind: 'created', choice: describeApp(same) };
  return { kind: 'refused', field: 'name', reason: 'There is another app of this name.' };
}

async function planApp(wish: CreationWish, calls: AppCalls, context: CallContext): Promise<Plan> {
  if (!nameRule.test(wish.name)) {
    const reason =
      'A name has 2 to 32 small letters, digits and dashes, and begins with a letter; no dash at the end.';
    return { ok: false, answer: { kind: 'refused', field: 'name', reason } };
  }
  const source = { repo: wish.repository.fullName, branch: wish.branch };
  const detected = await calls.detect(source, context);
  if (!detected.ok) return { ok: false, answer: refused(detected) };
  if (detected.value.pending) {
    const reason = 'DigitalOcean is looking at the repository.';
    return { ok: false, answer: { kind: 'pending', reason } };
  }
  // Slipway starts the deployments; with both, every push would deploy twice.
  const bitbucket = { ...source, deploy_on_push: false };
  const parts = detected.value.components.map((found) => componentOf(found, bitbucket));
  if (parts.length === 0) {
    const reason = 'DigitalOcean finds nothing in this branch that it can build.';
    return { ok: false, answer: { kind: 'refused', field: 'branch', reason } };
  }
  const spec: Record<string, unknown> = { name: wish.name };
  for (const kind of ['services', 'static_sites'] as const) {
    const ofKind = parts.filter((part) => part.kind === kind).map((part) => part.component);
    if (ofKind.length > 0) spec[kind] = ofKind;
  }
  return { ok: true, spec };
}

function componentOf(
  found: Record<string, unknown>,
  bitbucket: object,
): { kind: 'services' | 'static_sites'; component: Record<string, unknown> } {
  const taken = ['name', 'source_dir', 'dockerfile_path', 'build_command', 'run_command'] as const;
  const component: Record<string, unknown> = { name: 'web', bitbucket };
  for (const key of [...taken, 'environment_slug', 'output_dir', 'http_ports'] as const) {
    const value = found[key];
    if (value !== undefined && value !== null && value !== '') component[key] = value;
  }
  const [port] = Array.isArray(component['http_ports'])
    ? (component['http_ports'] as unknown[])
    : [];
  delete component['http_ports'];
  const isStatic = found['strategy'] === 'STATIC' || /static/i.test(textOf(found['type']));
  if (isStatic) return { kind: 'static_sites', component };
  if (typeof port === 'number') component['http_port'] = port;
  return { kind: 'services', component };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function partsOf(spec: Record<string, unknown>): string[] {
  return (['services', 'static_sites'] as const).flatMap((kind) =>
    ((spec[kind] ?? []) as Record<string, unknown>[]).map(
      ({ name }) => `${textOf(name)}: ${componentKinds[kind]}`,
    ),
  );
}

function refused(failure: Failure): Extract<CreationProposal, { kind: 'refused' }> {
  const help =
    failure.why === 'missing' || failure.why === 'refused'
      ? ' Is the DigitalOcean account connected to this Bitbucket workspace?'
      : '';
  return { kind: 'refused', reason: `${failure.reason}.${help}` };
}
