import { retryDelayMs } from '../core/delivery/retry-schedule.js';
import { BitbucketError } from '../core/errors.js';
import type { NameLookup } from '../core/model/index.js';
import type { Bitbucket, Clock, Logger, Storage } from '../core/ports.js';

export interface ResolveNamesDeps {
  storage: Storage;
  bitbucket: Pick<Bitbucket, 'repository' | 'workspace' | 'memberName'>;
  clock: Clock;
  random(): number;
  logger: Logger;
}

/** Longer than one answer may take. */
const claimMs = 2 * 60_000;
/** Right after an install the app may not see anything for minutes (reference/bitbucket-forge.md §2.4); a day is plenty. */
const giveUpMs = 24 * 60 * 60_000;
/** Of one transaction: whoever pushed for weeks before we were let ask has many. */
const eventsAtOnce = 100;

/**
 * Asks Bitbucket for names that events leave out: Forge's carry ids only, and do not say what a renamed repository is called
 * now. Without its name a repository cannot be cloned; without that of a person nobody reads who pushed. Returns how many it asked
 * for.
 */
export async function resolveDueNames(deps: ResolveNamesDeps, limit: number): Promise<number> {
  const now = deps.clock();
  const due = await deps.storage.write((tx) => tx.nameLookups.claimDue(limit, now, now + claimMs));
  for (const lookup of due) await resolveOne(lookup, deps);
  return due.length;
}

async function resolveOne(lookup: NameLookup, deps: ResolveNamesDeps): Promise<void> {
  const [kind = '', ...rest] = lookup.id.split(':');
  const subject = rest.join(':');
  try {
    if (kind === 'repository') await nameRepository(subject, deps);
    else if (kind === 'person') await namePerson(subject, deps);
    else await nameWorkspace(subject, deps);
  } catch (error) {
    if (!(error instanceof BitbucketError)) throw error;
    deps.logger.warn({ lookup: lookup.id, err: error }, 'name.not_answered');
    if (deps.clock() - lookup.askedAt < giveUpMs) {
      const delay = retryDelayMs(lookup.attempts, deps.random(), error.retryAfterMs ?? undefined);
      await deps.storage.write((tx) => tx.nameLookups.again(lookup.id, deps.clock() + delay));
      return;
    }
  }
  await deps.storage.write((tx) => tx.nameLookups.done(lookup.id));
}

async function nameRepository(id: string, deps: ResolveNamesDeps): Promise<void> {
  const known = await deps.storage.read.repositories.byId(id);
  if (!known || known.state === 'deleted') return;
  const { uuid, workspaceUuid } = known;
  const remote = await deps.bitbucket.repository(workspaceUuid, uuid);
  // Gone, or out of our sight by now: its events will say so, or nobody will ever ask.
  if (!remote) return;
  const { fullName, name, mainBranch, isPrivate } = remote;
  const workspaceSlug = fullName.split('/')[0] ?? null;
  const facts = { ...{ uuid, workspaceUuid, workspaceSlug, workspaceName: null }, fullName, name };
  await deps.storage.write(async (tx) => {
    const now = await tx.repositories.byId(id);
    // Moved while we asked.
    if (now?.workspaceUuid !== workspaceUuid || now.state === 'deleted') return;
    await tx.repositories.saveFacts(
      { ...facts, mainBranch, isPrivate },
      workspaceUuid,
      deps.clock(),
    );
  });
}

async function nameWorkspace(uuid: string, deps: ResolveNamesDeps): Promise<void> {
  const remote = await deps.bitbucket.workspace(uuid);
  if (!remote) return;
  await deps.storage.write((tx) =>
    tx.repositories.saveWorkspace({ uuid, ...remote, updatedAt: deps.clock() }),
  );
}

/** `subject`: the workspace and the person. Whom Bitbucket does not name stays without one until asked for again. */
async function namePerson(subject: string, deps: ResolveNamesDeps): Promise<void> {
  const [workspaceUuid = '', personUuid = ''] = subject.split(':');
  const person = { workspaceUuid, personUuid };
  const { storage } = deps;
  // Not any more: the workspace is gone.
  if ((await storage.read.personNames.find([person])).length === 0) return;
  const name = await deps.bitbucket.memberName(workspaceUuid, personUuid);
  if (name === null) return;
  // First, so that pushes from now on bring it along and the rest only gets less.
  await storage.write((tx) => tx.personNames.save([{ ...person, name, askedAt: deps.clock() }]));
  const spread = (): Promise<number> =>
    storage.write((tx) => tx.personNames.spread({ ...person, name }, eventsAtOnce));
  while ((await spread()) > 0);
}
