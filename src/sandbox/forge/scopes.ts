/** Forge's scopes have names of their own and imply nothing (bitbucket-forge §5). */
export function areForgeScopes(scopes: readonly string[]): boolean {
  return scopes.some((scope) => scope.endsWith(':bitbucket'));
}

const byClassicScope: Readonly<Record<string, string>> = {
  repository: 'read:repository:bitbucket',
  'repository:write': 'write:repository:bitbucket',
  account: 'read:user:bitbucket',
};

/** Calls whose Forge scope is another one than their classic one's twin; null: not open to Forge (the API's own list). */
const byOperation: Readonly<Record<string, string[] | null>> = {
  'GET /2.0/user': null,
  'GET /2.0/user/workspaces': ['read:workspace:bitbucket'],
  'GET /2.0/user/workspaces/:workspace/permission': ['read:workspace:bitbucket'],
  'GET /2.0/user/workspaces/:workspace/permissions/repositories': ['read:repository:bitbucket'],
  'GET /2.0/workspaces/:workspace': ['read:workspace:bitbucket'],
  'GET /2.0/workspaces/:workspace/members': ['read:workspace:bitbucket'],
  'GET /2.0/workspaces/:workspace/members/:member': ['read:workspace:bitbucket'],
};

/** Scopes that a Forge token needs for a call; null: no Forge token may make it. */
export function forgeScopesFor(operation: {
  method: string;
  pattern: string;
  scopes: readonly string[];
}): string[] | null {
  const own = byOperation[`${operation.method} ${operation.pattern}`];
  return own === undefined ? forgeTwins(operation.scopes) : own;
}

export function forgeTwins(classic: readonly string[]): string[] {
  return classic.map((scope) => byClassicScope[scope] ?? `no Forge scope for ${scope}`);
}
