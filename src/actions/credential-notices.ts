import type { WorkspaceCredential } from '../core/model/index.js';
import type { NoticeText } from './grant-notices.js';

export function credentialSubject(id: string): string {
  return `credential:${id}`;
}

const names = { consumer: 'OAuth consumer', access_token: 'access token' } as const;

export function credentialBrokenText(credential: WorkspaceCredential, reason: string): NoticeText {
  const name = names[credential.kind];
  return {
    ...about(credential),
    kind: 'credential_broken',
    level: 'danger',
    dedupeKey: `credential_broken:${credential.id}`,
    says: `Bitbucket no longer accepts the workspace's ${name}: ${reason}`,
    advice: `A workspace admin enters a new one under Credentials. Until then, other credentials are used where there are any.`,
  };
}

export function credentialEndingText(credential: WorkspaceCredential, days: number): NoticeText {
  const within = days === 1 ? 'a day' : `${days} days`;
  return {
    ...about(credential),
    kind: 'credential_ending',
    level: days === 1 ? 'danger' : 'warning',
    dedupeKey: `credential_ending:${credential.id}:${days}`,
    says: `The workspace's ${names[credential.kind]} expires within ${within}`,
    advice:
      'A workspace admin makes a new one in Bitbucket and enters it under Credentials before that.',
  };
}

function about(credential: WorkspaceCredential) {
  return {
    workspaceUuid: credential.workspaceUuid,
    repositoryId: null,
    userUuid: null,
    subject: credentialSubject(credential.id),
    path: null,
  };
}
