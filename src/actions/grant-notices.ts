import type { Notice, OAuthGrant, Repository } from '../core/model/index.js';
import type { NoticeWrites } from '../core/people.js';
import { missingScopes, neededScopes, scopeBoxes, type NeededScope } from '../core/scopes.js';

/** What is told about people's grants; kept as notices, shown on pages, delivered by whatever channel there is. */

const dayMs = 24 * 60 * 60_000;
/** Days ahead at which a credential that will end is announced. */
export const announcedDays = [30, 7, 1] as const;

export type NoticeText = Omit<Notice, 'id' | 'createdAt' | 'resolvedAt'>;

interface NoticeTransaction {
  notices: NoticeWrites;
}

export function grantSubject(grantId: string): string {
  return `grant:${grantId}`;
}

export function consumerSubject(clientId: string): string {
  return `consumer:${clientId}`;
}

/** The tightest of 30, 7 and 1 days that has been reached; null while it is further away, or over. */
export function reachedDays(endsAt: number, now: number): number | null {
  const left = endsAt - now;
  if (left <= 0) return null;
  return [...announcedDays].reverse().find((days) => left <= days * dayMs) ?? null;
}

export async function tell(
  tx: NoticeTransaction,
  text: NoticeText,
  { id, now }: { id: string; now: number },
): Promise<void> {
  await tx.notices.add({ ...text, id, createdAt: now, resolvedAt: null });
}

export async function grantIsWell(
  tx: NoticeTransaction,
  grant: Pick<OAuthGrant, 'id'>,
  now: number,
): Promise<void> {
  await tx.notices.resolve(grantSubject(grant.id), now);
}

/**
 * What Bitbucket said it granted, compared with what is needed: a permission that is missing is told before a deploy or a webhook
 * meets it, and no longer once it is there. One left unsaid changes nothing.
 */
export async function noteScopes(
  tx: NoticeTransaction,
  grant: OAuthGrant,
  repositories: readonly Repository[],
  stamp: { nextId(): string; now: number },
): Promise<void> {
  if (grant.scopes === null) return;
  const missing = missingScopes(grant.scopes);
  if (missing.length === 0) {
    await tx.notices.resolve(scopesSubject(grant.id), stamp.now);
    return;
  }
  for (const text of scopesMissingTexts(grant, missing, repositories)) {
    await tell(tx, text, { id: stamp.nextId(), now: stamp.now });
  }
}

function scopesSubject(grantId: string): string {
  return `scopes:${grantId}`;
}

function scopesMissingTexts(
  grant: OAuthGrant,
  missing: readonly NeededScope[],
  repositories: readonly Repository[],
): NoticeText[] {
  const named = missing.map((scope) => `“${scopeBoxes[scope]}” (${scope})`).join(' and ');
  const purposes = missing.map((scope) => neededScopes[scope]).join('; ');
  return perWorkspace(repositories).map(([workspaceUuid]) => ({
    ...about(grant, workspaceUuid),
    subject: scopesSubject(grant.id),
    kind: 'scopes_missing',
    level: 'warning',
    dedupeKey: `scopes_missing:${grant.id}:${workspaceUuid ?? ''}:${missing.join()}`,
    says: `${grant.userName}'s connection to Bitbucket lacks the permission ${named}, needed for: ${purposes}`,
    advice: `In Bitbucket, whoever runs Slipway opens Workspace settings → OAuth consumers → Slipway's consumer → Edit and ticks it; then ${grant.userName} signs in with Bitbucket again.`,
  }));
}

const reconnect = '/oauth/start?returnTo=%2F';

/** One for each workspace that is hit, or one for the person alone when nothing depends on it. */
export function brokenTexts(
  grant: OAuthGrant,
  reason: string,
  repositories: readonly Repository[],
): NoticeText[] {
  return perWorkspace(repositories).map(([workspaceUuid, names]) => ({
    ...about(grant, workspaceUuid),
    kind: 'grant_broken',
    level: 'danger',
    dedupeKey: `grant_broken:${grant.id}:${workspaceUuid ?? ''}`,
    says: `Bitbucket no longer accepts ${grant.userName}'s connection: ${reason}`,
    advice: `${grant.userName} signs in with Bitbucket again${waiting(names)}; or a workspace admin stores an OAuth consumer of the workspace, which depends on nobody.`,
  }));
}

export function lapsingTexts(
  grant: OAuthGrant,
  days: number,
  repositories: readonly Repository[],
): NoticeText[] {
  const within = days === 1 ? 'a day' : `${days} days`;
  return perWorkspace(repositories).map(([workspaceUuid, names]) => ({
    ...about(grant, workspaceUuid),
    kind: 'grant_lapsing',
    level: days === 1 ? 'danger' : 'warning',
    dedupeKey: `grant_lapsing:${grant.id}:${workspaceUuid ?? ''}:${days}`,
    says: `${grant.userName}'s connection to Bitbucket ends within ${within}, because it could not be renewed`,
    advice: `${grant.userName} signs in with Bitbucket again${needing(names)}.`,
  }));
}

export function consumerRefusedText(clientId: string): NoticeText {
  return {
    kind: 'consumer_refused',
    level: 'danger',
    workspaceUuid: null,
    repositoryId: null,
    userUuid: null,
    subject: consumerSubject(clientId),
    dedupeKey: `consumer_refused:${clientId}`,
    says: "Bitbucket does not accept the key and secret of Slipway's OAuth consumer",
    advice:
      'Whoever runs Slipway puts the current values into SLIPWAY_OAUTH_CLIENT_ID and SLIPWAY_OAUTH_CLIENT_SECRET and restarts it. Nobody has to sign in again.',
    path: null,
  };
}

function about(grant: OAuthGrant, workspaceUuid: string | null) {
  return {
    workspaceUuid,
    repositoryId: null,
    userUuid: grant.userUuid,
    subject: grantSubject(grant.id),
    path: reconnect,
  };
}

function perWorkspace(repositories: readonly Repository[]): [string | null, string[]][] {
  const names = new Map<string | null, string[]>();
  for (const { workspaceUuid, fullName } of repositories) {
    names.set(workspaceUuid, [...(names.get(workspaceUuid) ?? []), fullName]);
  }
  return names.size === 0 ? [[null, []]] : [...names];
}

const mostNames = 3;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, mostNames).join(', ');
  const more = names.length - mostNames;
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function waiting(names: readonly string[]): string {
  return names.length === 0 ? '' : `, and ${listed(names)} goes on by itself`;
}

function needing(names: readonly string[]): string {
  return names.length === 0 ? '' : ` before that: ${listed(names)} needs it`;
}
