/** One write of a build status, as the sandbox recorded it. */
export interface StatusWrite {
  state: string;
  description: string;
  url: string;
  at: string;
}

export interface Consumer {
  key: string;
  secret: string;
}

/** The control API of the sandbox (docs/sandbox.md), as far as the demo uses it. */
export class SandboxClient {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async install(workspace: string, user: string, descriptorUrl: string): Promise<void> {
    await this.#post('apps/install', { workspace, user, descriptor_url: descriptorUrl });
  }

  async uninstall(workspace: string): Promise<void> {
    await this.#post('apps/uninstall', { workspace });
  }

  async installForge(workspace: string, user: string, appDir: string): Promise<void> {
    await this.#post('forge/install', { workspace, user, app_dir: appDir });
    await this.#get('idle');
  }

  async uninstallForge(workspace: string): Promise<void> {
    await this.#post('forge/uninstall', { workspace });
  }

  /** Where a page of the workspace's Forge app is, below the place it belongs to. */
  async forgePagePath(workspace: string, module: string): Promise<string> {
    interface App {
      workspace: string;
      installed: boolean;
      pages: { key: string; path: string }[];
    }
    const { apps } = await this.#get<{ apps: App[] }>('forge/apps');
    const app = apps.find((one) => one.workspace === workspace && one.installed);
    const page = app?.pages.find(({ key }) => key === module);
    if (!page) throw new Error(`no Forge app in ${workspace} has the page ${module}`);
    return page.path;
  }

  /** The OAuth consumer that people sign in with. */
  async makeConsumer(workspace: string, consumer: Consumer, callbackUrl: string): Promise<void> {
    await this.#post('consumers', {
      ...{ workspace, name: 'Slipway', scopes: 'account repository webhook' },
      ...{ ...consumer, callback_url: callbackUrl },
    });
  }

  async hooksOf(repository: string): Promise<number> {
    const query = new URLSearchParams({ repository });
    return (await this.#get<{ hooks: unknown[] }>(`hooks?${query.toString()}`)).hooks.length;
  }

  /** How often a grant was renewed. */
  async refreshes(): Promise<number> {
    const { calls } = await this.#get<{ calls: { grant: string | null; status: number }[] }>(
      'calls',
    );
    return calls.filter(({ grant, status }) => grant === 'refresh_token' && status === 200).length;
  }

  /** Whose tokens fetched a repository: nicknames of people, names of apps. */
  async fetchers(): Promise<(string | null)[]> {
    const { operations } = await this.#get<{
      operations: { kind: string; user_kind: string; user: string | null; status: number }[];
    }>('git');
    return operations
      .filter((o) => o.kind === 'fetch' && o.user_kind === 'token' && o.status === 200)
      .map(({ user }) => user);
  }

  /** The panel's address as Bitbucket puts it into the iframe for this person, signed and good for minutes. */
  async panelUrl(workspace: string, repository: string, user: string): Promise<string> {
    const query = new URLSearchParams({ workspace, repository, user });
    return (await this.#get<{ url: string }>(`apps/panel-url?${query.toString()}`)).url;
  }

  /** The workspace's page, likewise. */
  async workspaceUrl(workspace: string, user: string): Promise<string> {
    const query = new URLSearchParams({ workspace, user });
    return (await this.#get<{ url: string }>(`apps/panel-url?${query.toString()}`)).url;
  }

  /** Every write on a commit, oldest first. */
  async statuses(repository: string, commit: string): Promise<StatusWrite[]> {
    const query = new URLSearchParams({ repository, commit });
    const answer = await this.#get<{ statuses?: StatusWrite[] } | StatusWrite[]>(
      `statuses?${query.toString()}`,
    );
    return Array.isArray(answer) ? answer : (answer.statuses ?? []);
  }

  async #get<T>(path: string): Promise<T> {
    return read<T>(await fetch(`${this.url}/_control/${path}`), path);
  }

  async #post<T>(path: string, body: object): Promise<T> {
    const response = await fetch(`${this.url}/_control/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return read<T>(response, path);
  }
}

async function read<T>(response: Response, path: string): Promise<T> {
  const text = await response.text();
  if (!response.ok) throw new Error(`the sandbox answered ${response.status} to ${path}: ${text}`);
  return (text === '' ? null : JSON.parse(text)) as T;
}
