import { FakeService, type Call, type Reply } from '../../support/fake-service.js';

export interface StartedBuild {
  service: string;
  /** What it was told to build; null = whatever the hook is tied to. */
  branch: string | null;
  commit: string | null;
}

const secret = {
  render: 'kFakeRenderHookKey01',
  vercel: 'FakeVercelHook01',
  netlify: '5f0fakenetlifyhook000001',
  pages: '0b0c6f3e-fake-4c1d-9f43-7a1d5c2e9001',
  workers: '7d2f0b6c-fake-4d0e-8a57-0c9a5b7e1001',
  amplify: 'FakeAmplifyToken00000001',
  caprover: 'eyJfakeCaproverJwt.ZmVycnk.c2lnbmF0dXJl',
  jenkins: 'FakeJenkinsToken00000001',
};

/**
 * What the seven secret-URL hooks answer (reference/deploy-backends.md §2), each on its own path, all on one port. Three of
 * them say no with a 200.
 */
export class FakeHooks extends FakeService {
  readonly started: StartedBuild[] = [];
  /** Answers its refusal as that service would, whatever the status code is worth. */
  isRefusing = false;
  /** Jenkins: every job's filter lets it pass. */
  filterMatches = true;
  /** Jenkins: builds by queue item, for those who may look. */
  readonly queue = new Map<
    number,
    { url: string | null; building: boolean; result: string | null }
  >();
  readonly jenkinsUser = { name: 'slipway', token: '11fakejenkinsapitoken0000000001' };
  #count = 0;

  readonly secrets = secret;

  /** The address that a person would paste. */
  url(service: keyof typeof secret): string {
    const paths: Record<keyof typeof secret, string> = {
      render: `/deploy/srv-ferrydesk?key=${secret.render}`,
      vercel: `/v1/integrations/deploy/prj_ferrydesk/${secret.vercel}`,
      netlify: `/build_hooks/${secret.netlify}`,
      pages: `/client/v4/pages/webhooks/deploy_hooks/${secret.pages}`,
      workers: `/client/v4/workers/builds/deploy_hooks/${secret.workers}`,
      amplify: `/prod/webhooks?id=ferrydesk&token=${secret.amplify}&operation=startbuild`,
      caprover: `/api/v2/user/apps/webhooks/triggerbuild?namespace=captain&token=${secret.caprover}`,
      jenkins: `/generic-webhook-trigger/invoke?token=${secret.jenkins}`,
    };
    return `${this.origin}${paths[service]}`;
  }

  protected route(call: Call): Reply {
    const { path, query } = call;
    if (path.startsWith('/deploy/')) return this.#render(call);
    if (path.startsWith('/v1/integrations/deploy/')) return this.#vercel(call);
    if (path.startsWith('/build_hooks/')) return this.#netlify(call);
    if (path.startsWith('/client/v4/')) return this.#cloudflare(call);
    if (path === '/prod/webhooks') return this.#amplify(call);
    if (path === '/api/v2/user/apps/webhooks/triggerbuild') return this.#caprover(query);
    if (path === '/generic-webhook-trigger/invoke') return this.#jenkins(call);
    if (path.startsWith('/queue/item/') || path.startsWith('/job/')) return this.#jenkinsApi(call);
    return { status: 404, body: 'Not Found' };
  }

  #start(service: string, branch: string | null = null, commit: string | null = null): number {
    this.started.push({ service, branch, commit });
    this.#count += 1;
    return this.#count;
  }

  #render({ query, path }: Call): Reply {
    if (query.get('key') !== secret.render) return { status: 401, body: 'Unauthorized' };
    if (this.isRefusing || !path.endsWith('/srv-ferrydesk'))
      return { status: 404, body: 'Not Found' };
    const number = this.#start('render', null, query.get('ref'));
    return { status: 200, body: { deploy: { id: `dep-${number}` } } };
  }

  #vercel({ path }: Call): Reply {
    if (this.isRefusing || !path.endsWith(`/prj_ferrydesk/${secret.vercel}`)) {
      const error = { code: 'not_found', message: 'The deploy hook was not found' };
      return { status: 404, body: { error } };
    }
    const number = this.#start('vercel');
    const job = { id: `Zx${number}`, state: 'PENDING', createdAt: 1_795_392_000_000 };
    return { status: 201, body: { job } };
  }

  #netlify({ path, query, method }: Call): Reply {
    if (this.isRefusing || method !== 'POST' || !path.endsWith(secret.netlify)) {
      return { status: 404, body: 'Not Found' };
    }
    this.#start('netlify', query.get('trigger_branch'));
    return { status: 200 };
  }

  #cloudflare({ path }: Call): Reply {
    const isWorkers = path.includes('/workers/');
    const known = isWorkers ? secret.workers : secret.pages;
    if (this.isRefusing || !path.endsWith(known)) {
      const errors = [{ code: 8_000_006, message: 'The hook is disabled.' }];
      return { status: 200, body: { success: false, errors, messages: [], result: null } };
    }
    const number = this.#start(isWorkers ? 'workers' : 'pages');
    const result = isWorkers
      ? { build_uuid: `b-${number}`, branch: 'main' }
      : { id: `p-${number}` };
    return { status: 200, body: { success: true, errors: [], messages: [], result } };
  }

  /** What it answers is not written anywhere: a success with a body in no format in particular. */
  #amplify({ query }: Call): Reply {
    if (this.isRefusing || query.get('token') !== secret.amplify)
      return { status: 403, body: 'Forbidden' };
    this.#start('amplify');
    return { status: 202, body: 'Accepted' };
  }

  #caprover(query: URLSearchParams): Reply {
    if (query.get('token') !== secret.caprover) {
      return { status: 200, body: { status: 1106, description: 'Auth token corrupted', data: {} } };
    }
    if (this.isRefusing) {
      return {
        status: 200,
        body: { status: 1000, description: 'App could not be found', data: {} },
      };
    }
    this.#start('caprover');
    return {
      status: 200,
      body: { status: 100, description: 'Build webhook has triggered', data: {} },
    };
  }

  #jenkins({ query, headers, json }: Call): Reply {
    if (query.get('token') !== secret.jenkins) {
      const message = 'Did not find any jobs with GenericTrigger configured!';
      return { status: 404, body: { jobs: null, message } };
    }
    if (this.isRefusing) return { status: 403, body: { message: 'Not in the allow-list' } };
    const isDry = headers['gwt-dry-run'] === 'true';
    // The plugin repeats what it understood, secrets and all.
    const resolvedVariables = { token: secret.jenkins, commit: json['commit'] ?? '' };
    if (!this.filterMatches || isDry) {
      const job = {
        regexpFilterExpression: '^main$',
        triggered: false,
        resolvedVariables,
        id: 0,
        url: '',
      };
      return { status: 200, body: { message: 'Triggered jobs.', jobs: { ferry: job } } };
    }
    const { branch, commit } = json;
    const id = this.#start('jenkins', asText(branch), asText(commit));
    this.queue.set(id, { url: null, building: false, result: null });
    const job = { triggered: true, id, url: `queue/item/${id}/`, resolvedVariables };
    return { status: 200, body: { message: 'Triggered jobs.', jobs: { ferry: job } } };
  }

  #jenkinsApi({ path, headers, method }: Call): Reply {
    const { name, token } = this.jenkinsUser;
    const expected = `Basic ${Buffer.from(`${name}:${token}`).toString('base64')}`;
    if (headers.authorization !== expected) return { status: 401, body: 'Unauthorized' };
    const item = /^\/queue\/item\/(\d+)\/api\/json$/.exec(path);
    if (item) {
      const entry = this.queue.get(Number(item[1]));
      if (!entry) return { status: 404, body: 'Not Found' };
      const executable = entry.url === null ? null : { number: 7, url: entry.url };
      return { status: 200, body: { id: Number(item[1]), cancelled: false, executable } };
    }
    const build = [...this.queue.values()].find(
      ({ url }) => url !== null && path.startsWith(new URL(url).pathname),
    );
    if (!build) return { status: 404, body: 'Not Found' };
    if (path.endsWith('/stop') && method === 'POST') {
      Object.assign(build, { building: false, result: 'ABORTED' });
      return { status: 302, headers: { location: build.url ?? '' } };
    }
    return {
      status: 200,
      body: { building: build.building, result: build.result, url: build.url },
    };
  }
}

function asText(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
