/** What a scope allows, in the words of the authorize page (bitbucket-api §1.6). */
export const scopeTexts: Readonly<Record<string, string>> = {
  account: 'Read your account information and your workspaces',
  'account:write': 'Change your account information',
  email: 'Read your primary email address',
  team: 'Read your workspaces’ membership',
  'team:write': 'Change your workspaces’ membership',
  repository: 'Read your repositories',
  'repository:write': 'Read and change your repositories',
  'repository:admin': 'Administer your repositories',
  'repository:delete': 'Delete your repositories',
  project: 'Read your workspaces’ projects, and the repositories in them',
  'project:admin': 'Administer your workspaces’ projects',
  pullrequest: 'Read your repositories and their pull requests',
  'pullrequest:write': 'Read and change your repositories and their pull requests',
  webhook: 'Read and change your repositories’ webhooks',
  pipeline: 'Read your repositories’ pipelines',
  'pipeline:write': 'Run your repositories’ pipelines',
  'pipeline:variable': 'Read and change your pipelines’ variables',
  runner: 'Read your runners',
  'runner:write': 'Read and change your runners',
  test: 'Read your test results',
  'test:write': 'Read and change your test results',
  snippet: 'Read your snippets',
  'snippet:write': 'Read and change your snippets',
  issue: 'Read your repositories’ issues',
  'issue:write': 'Read and change your repositories’ issues',
  wiki: 'Read and change your repositories’ wikis',
};

const tokenScopes = /^(repository|pullrequest|webhook|pipeline|runner)(:|$)/;

/** Which scopes an access token may have (§1.7). */
export function allowedForToken(scope: string, subject: 'repository' | 'workspace'): boolean {
  if (!Object.hasOwn(scopeTexts, scope)) return false;
  if (tokenScopes.test(scope)) return true;
  return subject === 'workspace' && ['project', 'project:admin', 'account'].includes(scope);
}
