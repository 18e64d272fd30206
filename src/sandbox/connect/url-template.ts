/** Which scope a variable's object needs (bitbucket-connect §2.4). */
const neededScope: Record<string, string> = {
  user: 'account',
  target_user: 'account',
  workspace: 'account',
  principal: 'account',
  repository: 'repository',
};

/** Old short names that public descriptors still use. */
const shortNames: Record<string, string> = {
  repo_path: 'repository.full_name',
  repo_uuid: 'repository.uuid',
  user_uuid: 'user.uuid',
  user_username: 'user.nickname',
};

/**
 * Fills `{repository.uuid}` and the like, percent-encoded. What is unknown, or needs a scope
 * that the app has not got, stays in the URL as it is: the app must notice.
 */
export function expandUrl(
  template: string,
  objects: Record<string, Record<string, string>>,
  scopes: readonly string[],
): string {
  return template.replace(/\{([a-z_.]+)\}/g, (placeholder, written: string) => {
    const [object = '', ...rest] = (shortNames[written] ?? written).split('.');
    const value = objects[object]?.[rest.join('.')];
    const scope = neededScope[object];
    const allowed = scope === undefined || impliedScopes(scopes).has(scope);
    return value !== undefined && allowed ? encodeURIComponent(value) : placeholder;
  });
}

/** bitbucket-api §1.6: which scopes come along with others. */
export function impliedScopes(scopes: readonly string[]): Set<string> {
  const implied: Record<string, string[]> = {
    'repository:write': ['repository'],
    project: ['repository'],
    pullrequest: ['repository'],
    'pullrequest:write': ['pullrequest', 'repository:write', 'repository'],
    'account:write': ['account'],
    'team:write': ['team'],
    'pipeline:write': ['pipeline'],
  };
  return new Set(scopes.flatMap((scope) => [scope, ...(implied[scope] ?? [])]));
}
