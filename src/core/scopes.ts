/** OAuth scopes Slipway asks for, and what each is for (reference/bitbucket-api.md §1.6; docs/oauth.md says which code). */
export const neededScopes = {
  account: 'who you are and which workspaces you are in',
  repository: 'reading branches, cloning, and writing build statuses',
  webhook: 'creating and repairing the repository webhook',
} as const;

export type NeededScope = keyof typeof neededScopes;

/** The box to tick in the settings of an OAuth consumer. */
export const scopeBoxes: Readonly<Record<NeededScope, string>> = {
  account: 'Account: Read',
  repository: 'Repositories: Read',
  webhook: 'Webhooks: Read and write',
};

const implied: Readonly<Record<string, readonly string[]>> = {
  'account:write': ['account'],
  'repository:write': ['repository'],
  project: ['repository'],
  pullrequest: ['repository'],
  'pullrequest:write': ['pullrequest', 'repository:write'],
};

/** With what the granted ones imply. */
export function withImplied(granted: string): ReadonlySet<string> {
  const all = new Set<string>();
  const waiting = granted.split(/[\s,]+/).filter((scope) => scope !== '');
  for (let scope = waiting.pop(); scope !== undefined; scope = waiting.pop()) {
    if (all.has(scope)) continue;
    all.add(scope);
    waiting.push(...(implied[scope] ?? []));
  }
  return all;
}

/** Empty when nothing is missing, and when Bitbucket did not say what it granted: then the first refusal will. */
export function missingScopes(
  granted: string | null,
  needed: readonly NeededScope[] = Object.keys(neededScopes) as NeededScope[],
): NeededScope[] {
  if (granted === null) return [];
  const all = withImplied(granted);
  return needed.filter((scope) => !all.has(scope));
}
