import { isObject, textOf, type Json, type JsonObject } from '../json.js';

/** bitbucket-connect §2.2 and bitbucket-api §1.6. An unknown one makes the install fail. */
export const knownScopes = [
  'account',
  'account:write',
  'email',
  'team',
  'team:write',
  'repository',
  'repository:write',
  'repository:admin',
  'repository:delete',
  'project',
  'project:admin',
  'pullrequest',
  'pullrequest:write',
  'webhook',
  'pipeline',
  'pipeline:write',
  'pipeline:variable',
  'runner',
  'runner:write',
  'test',
  'test:write',
  'snippet',
  'snippet:write',
  'issue',
  'issue:write',
  'wiki',
];

/** §6.1, with `*`, which live apps use. */
const knownEvents = new Set(
  `* issue:comment_created issue:created issue:updated project:updated pullrequest:approved
  pullrequest:changes_request_created pullrequest:changes_request_removed
  pullrequest:comment_created pullrequest:comment_deleted pullrequest:created
  pullrequest:fulfilled pullrequest:rejected pullrequest:superseded pullrequest:unapproved
  pullrequest:updated repo:branch_created repo:branch_deleted repo:commit_comment_created
  repo:commit_status_created repo:commit_status_updated repo:created repo:deleted repo:fork
  repo:imported repo:push repo:transfer repo:updated user:account_property_changed`.split(/\s+/),
);

const arrayModules = [
  'adminPages',
  'repoPages',
  'generalPages',
  'webPanels',
  'webItems',
  'webCards',
  'fileViews',
];

export interface PageModule {
  /** `adminPages`, `configurePage`, … */
  kind: string;
  key: string;
  name: string;
  url: string;
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/** What Bitbucket would refuse, one sentence each. Empty when the descriptor is fine. */
export function descriptorProblems(descriptor: JsonObject): string[] {
  const problems: string[] = [];
  for (const name of ['key', 'name', 'description']) {
    if (typeof descriptor[name] !== 'string' || descriptor[name] === '') {
      problems.push(`${name} is missing`);
    }
  }
  problems.push(...baseUrlProblems(descriptor['baseUrl']));
  const authentication = descriptor['authentication'];
  if (!isObject(authentication) || authentication['type'] !== 'jwt') {
    problems.push('authentication.type must be "jwt"');
  }
  problems.push(...lifecycleProblems(descriptor['lifecycle']));
  problems.push(...scopeProblems(descriptor['scopes']));
  if (!isStrings(descriptor['contexts'])) problems.push('contexts must be a list of strings');
  problems.push(...moduleProblems(descriptor['modules']));
  return problems;
}

function baseUrlProblems(value: Json | undefined): string[] {
  if (typeof value !== 'string' || !URL.canParse(value)) return ['baseUrl is not a URL'];
  const url = new URL(value);
  if (url.protocol === 'https:') return [];
  // The one liberty the sandbox takes: real Bitbucket wants https everywhere.
  if (url.protocol === 'http:' && isLoopback(url.hostname)) return [];
  return ['baseUrl must be https'];
}

function lifecycleProblems(value: Json | undefined): string[] {
  if (!isObject(value)) return ['lifecycle is missing'];
  return typeof value['installed'] === 'string' ? [] : ['lifecycle.installed is missing'];
}

function scopeProblems(value: Json | undefined): string[] {
  if (value === undefined) return [];
  if (!isStrings(value)) return ['scopes must be a list of strings'];
  return value.filter((s) => !knownScopes.includes(s)).map((s) => `scope "${s}" is unknown`);
}

function isStrings(value: Json | undefined): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

function moduleProblems(modules: Json | undefined): string[] {
  if (modules === undefined) return [];
  if (!isObject(modules)) return ['modules must be an object'];
  const problems: string[] = [];
  if ('apiMigrations' in modules) problems.push('apiMigrations is not a Bitbucket key');
  const webhooks = modules['webhooks'] ?? [];
  if (!Array.isArray(webhooks)) problems.push('modules.webhooks must be a list');
  else for (const hook of webhooks) problems.push(...webhookProblems(hook));
  for (const kind of arrayModules) {
    if (kind in modules && !Array.isArray(modules[kind])) {
      problems.push(`modules.${kind} must be a list`);
    }
  }
  if (Array.isArray(modules['configurePage'])) {
    problems.push('modules.configurePage must be a single object');
  }
  const keys = pageModules({ modules }).map((module) => module.key);
  for (const module of pageModules({ modules })) problems.push(...pageProblems(module));
  if (new Set(keys).size < keys.length) problems.push('module keys must be unique');
  return problems;
}

function webhookProblems(hook: Json): string[] {
  if (!isObject(hook)) return ['a webhook must be an object'];
  const { event, url } = hook;
  if (typeof event !== 'string' || !knownEvents.has(event)) {
    return [`webhook event ${JSON.stringify(event ?? null)} is unknown`];
  }
  return typeof url === 'string' && url.length <= 2048 ? [] : [`the ${event} webhook has no url`];
}

/** Shared field rules of §2.3. */
function pageProblems(module: PageModule): string[] {
  const where = `modules.${module.kind}`;
  const problems: string[] = [];
  if (!/^[a-zA-Z0-9-]{1,128}$/.test(module.key)) problems.push(`${where}: key is not valid`);
  if (module.name === '') problems.push(`${where}: name.value is missing`);
  if (module.url === '' || module.url.length > 2048) problems.push(`${where}: url is not valid`);
  return problems;
}

/** The modules with a page, lists and single ones alike. */
export function pageModules(descriptor: JsonObject): PageModule[] {
  const modules = descriptor['modules'];
  if (!isObject(modules)) return [];
  return [...arrayModules, 'configurePage'].flatMap((kind) => {
    const value = modules[kind];
    const list = Array.isArray(value) ? value : value === undefined ? [] : [value];
    return list.filter(isObject).map((entry) => ({
      kind,
      key: textOf(entry['key']),
      name: isObject(entry['name']) ? textOf(entry['name']['value']) : '',
      url: textOf(entry['url']),
    }));
  });
}

/** Without `scopes` every scope is requested (§2.1). */
export function requestedScopes(descriptor: JsonObject): string[] {
  const scopes = descriptor['scopes'];
  return isStrings(scopes) ? scopes : [...knownScopes];
}
