/** Sample content for the demo and for people who want to look around. */
export interface Sample {
  workspace: string;
  repository: string;
  users: { nickname: string; git_password: string }[];
}

const files = {
  'README.md': `# Acme site

A static site. Change \`index.html\`, commit, push.
`,
  'index.html': `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Acme</title>
    <link rel="stylesheet" href="style.css" />
  </head>
  <body>
    <h1>Hello from Acme</h1>
    <p>This page was deployed by a push.</p>
  </body>
</html>
`,
  'style.css': `body {
  font-family: system-ui, sans-serif;
  margin: 4rem auto;
  max-width: 40rem;
}
`,
};

/**
 * Workspace `acme`, users `ada` (admin) and `bob` (read only), repository `acme/site`. Works
 * over HTTP, so it does not matter in which process the sandbox runs. What exists is left alone.
 */
export async function seedSample(sandbox: { url: string }): Promise<Sample> {
  const state = await read(sandbox.url);
  const people = [
    { nickname: 'ada', display_name: 'Ada Example', email: 'ada@example.com' },
    { nickname: 'bob', display_name: 'Bob Example', email: 'bob@example.com' },
  ];
  for (const person of people) {
    if (!state.users.some((user) => user.nickname === person.nickname)) {
      await post(sandbox.url, 'users', person);
    }
  }
  if (!state.workspaces.some((workspace) => workspace.slug === 'acme')) {
    await post(sandbox.url, 'workspaces', { slug: 'acme', name: 'Acme', owner: 'ada' });
  }
  if (!state.repositories.some((repository) => repository.full_name === 'acme/site')) {
    await post(sandbox.url, 'repositories', {
      workspace: 'acme',
      slug: 'site',
      name: 'Site',
      description: 'The public site of Acme',
      permissions: { ada: 'admin', bob: 'read' },
      files,
      user: 'ada',
      message: 'Say hello',
    });
  }
  const { users } = await read(sandbox.url);
  return {
    workspace: 'acme',
    repository: 'acme/site',
    users: users.filter((user) => people.some((person) => person.nickname === user.nickname)),
  };
}

interface ControlState {
  users: { nickname: string; git_password: string }[];
  workspaces: { slug: string }[];
  repositories: { full_name: string }[];
}

async function read(url: string): Promise<ControlState> {
  const answer = await fetch(`${url}/_control/state`);
  if (!answer.ok) throw new Error(`the sandbox answered ${answer.status}`);
  return (await answer.json()) as ControlState;
}

async function post(url: string, path: string, body: unknown): Promise<void> {
  const answer = await fetch(`${url}/_control/${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`the sandbox refused ${path}: ${await answer.text()}`);
}
