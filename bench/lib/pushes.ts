import { createHash, createHmac, randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';

/** Who installed Slipway here; the same for every server under test. */
export const tenant = {
  clientKey: 'ari:cloud:bitbucket::app/{0b5d1e6a-6f0e-4c53-9a3b-5a1d0c9e7f01}/slipway',
  sharedSecret: 'a-shared-secret-as-bitbucket-hands-out-0123456789',
  workspaceUuid: '{0b5d1e6a-6f0e-4c53-9a3b-5a1d0c9e7f01}',
  workspaceSlug: 'bench-team',
  hookSecret: 'a-webhook-secret-that-a-repository-has',
} as const;

export interface Repo {
  uuid: string;
  slug: string;
}

/** One branch of one repository and where it is. */
export interface Chain {
  repo: Repo;
  branch: string;
  head: string | null;
}

export function repos(count: number, family: string): Repo[] {
  return Array.from({ length: count }, (_, index) => {
    const hex = createHash('sha256').update(`${family} ${index}`).digest('hex');
    const uuid = `{${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}}`;
    return { uuid, slug: `${family}-${String(index).padStart(4, '0')}` };
  });
}

/** How a push is signed, and where it goes. */
export type Carrier =
  { kind: 'connect'; path: string } | { kind: 'hmac'; path: string | ((repo: Repo) => string) };

interface Prepared {
  chain: Chain;
  create: Template;
  update: Template;
}

/** A whole request with holes: everything that differs from push to push has a fixed width. */
interface Template {
  bytes: Buffer;
  bodyAt: number;
  from: number[];
  to: number[];
  deliveryId: number;
  /** Two header names carry it: Bitbucket's and GitHub's. */
  signatures: number[];
}

/** The next push of a chain, whole but for being written into its template. */
interface Ready {
  chain: Chain;
  template: Template;
  from: string | null;
  to: string;
  deliveryId: string;
  /** Empty where the request carries a token instead. */
  signature: string;
}

const hole = { from: 'f'.repeat(39) + '@', to: 't'.repeat(39) + '@' };
const idHole = 'd'.repeat(35) + '@';
const signatureHole = 's'.repeat(63) + '@';

/**
 * Pushes as Bitbucket sends them, about 7 kB each: every one has a delivery id of its own and continues its branch from where
 * the one before left it, so that no two are alike and none has to be looked up at Bitbucket. Round-robin over the branches:
 * two pushes to one branch never overtake each other as long as fewer are under way than there are branches.
 */
export class Pushes {
  readonly bodyBytes: number;
  /** Heads by repository uuid and branch, as Bitbucket would know them. */
  readonly heads: Map<string, Map<string, string>>;
  readonly #prepared: Prepared[];
  readonly #ready: Ready[] = [];
  #readyAt = 0;
  readonly #isSigned: boolean;
  #turn = 0;
  #count = 0;
  readonly #run = randomUUID().replaceAll('-', '').slice(0, 24);
  onPush: ((commit: string) => void) | null = null;

  constructor(
    carrier: Carrier,
    over: readonly Repo[],
    branches: readonly string[],
    heads = new Map<string, Map<string, string>>(),
  ) {
    this.heads = heads;
    this.#isSigned = carrier.kind === 'hmac';
    const chains = branches.flatMap((branch) =>
      over.map((repo): Chain => ({
        repo,
        branch,
        head: heads.get(repo.uuid)?.get(branch) ?? null,
      })),
    );
    this.#prepared = chains.map((chain) => ({
      chain,
      create: template(carrier, chain, true),
      update: template(carrier, chain, false),
    }));
    const some = this.#prepared[0]?.update;
    this.bodyBytes = some ? some.bytes.length - some.bodyAt : 0;
  }

  get chains(): number {
    return this.#prepared.length;
  }

  /** So many of the next ones are signed now: what signing costs is Bitbucket's business, and both share two cores. */
  signAhead(count: number): void {
    if (!this.#isSigned) return;
    this.#ready.splice(0, this.#readyAt);
    this.#readyAt = 0;
    while (this.#ready.length < count) this.#ready.push(this.#make());
  }

  readonly next = (): Buffer => {
    const ready = this.#ready[this.#readyAt];
    if (ready) this.#readyAt += 1;
    const { chain, template, from, to, deliveryId, signature } = ready ?? this.#make();
    const { bytes } = template;
    write(bytes, template, from, to);
    bytes.write(deliveryId, template.deliveryId, 'latin1');
    for (const place of template.signatures) bytes.write(signature, place, 'latin1');
    const known = this.heads.get(chain.repo.uuid) ?? new Map<string, string>();
    this.heads.set(chain.repo.uuid, known.set(chain.branch, to));
    this.onPush?.(to);
    return bytes;
  };

  #make(): Ready {
    const prepared = this.#prepared[this.#turn];
    if (!prepared) throw new Error('no branches');
    this.#turn = (this.#turn + 1) % this.#prepared.length;
    const { chain } = prepared;
    const to = `${(this.#count += 1).toString(16).padStart(16, '0')}${this.#run}`;
    const from = chain.head;
    const template = from === null ? prepared.create : prepared.update;
    chain.head = to;
    const deliveryId = randomUUID();
    if (!this.#isSigned) return { chain, template, from, to, deliveryId, signature: '' };
    const { bytes, bodyAt } = template;
    write(bytes, template, from, to);
    const hmac = createHmac('sha256', tenant.hookSecret).update(bytes.subarray(bodyAt));
    return { chain, template, from, to, deliveryId, signature: hmac.digest('hex') };
  }
}

function write(bytes: Buffer, at: Template, from: string | null, to: string): void {
  for (const place of at.to) bytes.write(to, place, 'latin1');
  if (from !== null) for (const place of at.from) bytes.write(from, place, 'latin1');
}

function template(carrier: Carrier, chain: Chain, isCreate: boolean): Template {
  const payload = pushPayload(chain, isCreate ? null : hole.from, hole.to);
  const body = Buffer.from(
    JSON.stringify(carrier.kind === 'connect' ? { event: 'repo:push', data: payload } : payload),
  );
  const path = typeof carrier.path === 'string' ? carrier.path : carrier.path(chain.repo);
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'User-Agent: Bitbucket-Webhooks/2.0',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'X-Event-Key: repo:push',
    // Probot takes GitHub's names; nobody else reads them.
    'X-GitHub-Event: push',
    `X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958`,
    'X-Attempt-Number: 1',
    'X-Hook-UUID: 9d3f4f0e-0b0a-4a86-a6f0-7f0f0e3f5a11',
    `X-Request-UUID: ${idHole}`,
    carrier.kind === 'connect'
      ? `Authorization: JWT ${connectToken('POST', path)}`
      : `X-Hub-Signature: sha256=${signatureHole}\r\nX-Hub-Signature-256: sha256=${signatureHole}`,
    '',
    '',
  ].join('\r\n');
  const bytes = Buffer.concat([Buffer.from(head), body]);
  const bodyAt = bytes.length - body.length;
  return {
    bytes,
    bodyAt,
    from: placesOf(bytes, hole.from),
    to: placesOf(bytes, hole.to),
    deliveryId: bytes.indexOf(idHole),
    signatures: placesOf(bytes, signatureHole),
  };
}

function placesOf(bytes: Buffer, text: string): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) places.push(at);
  return places;
}

/** Signed ahead: what signing costs is Bitbucket's business. One per branch; nobody here remembers tokens. */
export function connectToken(method: string, pathAndQuery: string): string {
  const [path = '', query = ''] = pathAndQuery.split('?');
  const canonical = query
    .split('&')
    .filter(Boolean)
    .map((pair) => pair.split('=').map((part) => encodeURIComponent(decodeURIComponent(part))))
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
    .map((pair) => pair.join('='))
    .join('&');
  const qsh = createHash('sha256').update(`${method}&${path}&${canonical}`).digest('hex');
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: tenant.clientKey,
    aud: [tenant.clientKey],
    iat: now,
    exp: now + 7200,
    qsh,
  };
  return jwt.sign(claims, tenant.sharedSecret, { algorithm: 'HS256' });
}

const site = 'https://bitbucket.org';
const api = 'https://api.bitbucket.org/2.0';

/** The shape of a recorded delivery (reference/bitbucket-api.md §5.5), with one listed commit. */
function pushPayload({ repo, branch }: Chain, from: string | null, to: string): object {
  const fullName = `${tenant.workspaceSlug}/${repo.slug}`;
  const repositoryApi = `${api}/repositories/${fullName}`;
  const repositoryHtml = `${site}/${fullName}`;
  const actor = {
    type: 'user',
    display_name: 'Sam Developer',
    uuid: '{9d3f4f0e-1111-4a86-a6f0-7f0f0e3f5a11}',
    account_id: '557058:6b6d7f0e-2222-4a86-a6f0-7f0f0e3f5a11',
    nickname: 'Sam',
    links: {
      self: { href: `${api}/users/%7B9d3f4f0e-1111-4a86-a6f0-7f0f0e3f5a11%7D` },
      avatar: {
        href: 'https://avatar-management--avatars.us-west-2.prod.public.atl-paas.net/initials/SD-3.png',
      },
      html: { href: `${site}/%7B9d3f4f0e-1111-4a86-a6f0-7f0f0e3f5a11%7D/` },
    },
  };
  const author = { type: 'author', raw: 'Sam Developer <sam@example.com>', user: actor };
  const message =
    'Show what a deployment is waiting for\n\nA push that waits looked like one that was lost. The row now names the lane it\nwaits in.\n';
  const commit = (hash: string): object => ({
    type: 'commit',
    hash,
    date: '2026-11-20T09:31:12+00:00',
    author,
    message,
    summary: { type: 'rendered', raw: message, markup: 'markdown', html: `<p>${message}</p>` },
    links: {
      self: { href: `${repositoryApi}/commit/${hash}` },
      html: { href: `${repositoryHtml}/commits/${hash}` },
    },
    parents: [],
    rendered: {},
    properties: {},
  });
  const ref = (hash: string): object => ({
    name: branch,
    target: commit(hash),
    links: {
      self: { href: `${repositoryApi}/refs/branches/${branch}` },
      commits: { href: `${repositoryApi}/commits/${branch}` },
      html: { href: `${repositoryHtml}/branch/${branch}` },
      pullrequest_create: {
        href: `${repositoryHtml}/pull-requests/new?source=${branch}&t=1`,
      },
    },
    type: 'branch',
    merge_strategies: ['merge_commit', 'squash', 'fast_forward'],
    sync_strategies: ['merge_commit', 'rebase'],
    default_merge_strategy: 'merge_commit',
  });
  return {
    push: {
      changes: [
        {
          old: from === null ? null : ref(from),
          new: ref(to),
          truncated: false,
          created: from === null,
          forced: false,
          closed: false,
          links: { commits: { href: `${repositoryApi}/commits?include=${to}` } },
          commits: [commit(to)],
        },
      ],
    },
    repository: {
      type: 'repository',
      full_name: fullName,
      links: {
        self: { href: repositoryApi },
        html: { href: repositoryHtml },
        avatar: { href: `https://bytebucket.org/ravatar/${repo.uuid}?ts=default` },
      },
      name: repo.slug,
      scm: 'git',
      website: null,
      owner: {
        type: 'team',
        display_name: 'Bench Team',
        username: tenant.workspaceSlug,
        uuid: tenant.workspaceUuid,
      },
      workspace: {
        type: 'workspace',
        uuid: tenant.workspaceUuid,
        name: 'Bench Team',
        slug: tenant.workspaceSlug,
      },
      is_private: true,
      project: { type: 'project', key: 'BEN', uuid: tenant.workspaceUuid, name: 'Bench' },
      uuid: repo.uuid,
      parent: null,
    },
    actor,
  };
}
