/**
 * What we read of Bitbucket's webhook bodies, and nothing more: unknown fields are dropped, and almost everything may be
 * null, `{}`, of another type or missing, because it is in recorded deliveries (reference/bitbucket-api.md §5.5 and §6.5).
 *
 * By hand, not by a schema: every push passes here, and this is a fifth of what a schema library takes for the same answer.
 */
export interface AuthorShape {
  /** `Name <mail>`; cut-down and very old payloads carry a person here instead. */
  raw: string | null;
  display_name: string | null;
  nickname: string | null;
  user: { display_name: string | null; nickname: string | null } | null;
}

/** `old` and `new` of a change. Bitbucket calls the head commit `target`; that word ends here. */
export interface RefShape {
  type: string | null;
  name: string | null;
  target: { hash: string | null; message: string | null; author: AuthorShape | null } | null;
}

export interface ChangeShape {
  old: RefShape | null;
  new: RefShape | null;
  forced: boolean | null;
}

export interface RepositoryShape {
  uuid: string;
  full_name: string | null;
  name: string | null;
  is_private: boolean | null;
  workspace: { uuid: string | null; slug: string | null; name: string | null } | null;
  /** Payloads from before workspaces (2018 and older) name the owner only; its uuid is the workspace's. */
  owner: { uuid: string | null } | null;
  mainbranch: { name: string | null } | null;
}

export interface ActorShape {
  uuid: string | null;
  display_name: string | null;
  nickname: string | null;
  username: string | null;
}

type Json = Readonly<Record<string, unknown>>;

/** Entries of `push.changes`, unread; null when there is no such list. */
export function readPush(push: unknown): unknown[] | null {
  const changes = asObject(push)?.['changes'];
  return Array.isArray(changes) ? changes : null;
}

/** Null when it is not an object at all. */
export function readChangeShape(entry: unknown): ChangeShape | null {
  const change = asObject(entry);
  if (!change) return null;
  return {
    old: readRef(change['old']),
    new: readRef(change['new']),
    forced: flag(change['forced']),
  };
}

/** Null without its uuid, which is what a repository is known by. */
export function readRepositoryShape(value: unknown): RepositoryShape | null {
  const repository = asObject(value);
  const uuid = text(repository?.['uuid']);
  if (!repository || !uuid) return null;
  const workspace = asObject(repository['workspace']);
  const owner = asObject(repository['owner']);
  const mainbranch = asObject(repository['mainbranch']);
  return {
    uuid,
    full_name: text(repository['full_name']),
    name: text(repository['name']),
    is_private: flag(repository['is_private']),
    workspace: workspace && {
      uuid: text(workspace['uuid']),
      slug: text(workspace['slug']),
      name: text(workspace['name']),
    },
    owner: owner && { uuid: text(owner['uuid']) },
    mainbranch: mainbranch && { name: text(mainbranch['name']) },
  };
}

/** `{}`, null and missing happen for deleted or unlinked accounts; `app_user` has no nickname. */
export function readActorShape(value: unknown): ActorShape | null {
  const actor = asObject(value);
  return (
    actor && {
      uuid: text(actor['uuid']),
      display_name: text(actor['display_name']),
      nickname: text(actor['nickname']),
      username: text(actor['username']),
    }
  );
}

function readRef(value: unknown): RefShape | null {
  const ref = asObject(value);
  if (!ref) return null;
  const target = asObject(ref['target']);
  return {
    type: text(ref['type']),
    name: text(ref['name']),
    target: target && {
      hash: text(target['hash']),
      message: text(target['message']),
      author: readAuthor(target['author']),
    },
  };
}

function readAuthor(value: unknown): AuthorShape | null {
  const author = asObject(value);
  if (!author) return null;
  const user = asObject(author['user']);
  return {
    raw: text(author['raw']),
    display_name: text(author['display_name']),
    nickname: text(author['nickname']),
    user: user && { display_name: text(user['display_name']), nickname: text(user['nickname']) },
  };
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function flag(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

function asObject(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Json)
    : null;
}
