import { newDeployment } from '../../../src/core/delivery/new-deployment.js';
import type {
  Attempt,
  Connection,
  Decision,
  Deployment,
  Hook,
  Installation,
  KnownRef,
  Notice,
  NoticeDelivery,
  OAuthGrant,
  StatusReport,
  StoredEvent,
  StoredRefChange,
  Target,
  WorkspaceCredential,
} from '../../../src/core/model/index.js';

export const now = 1_800_000_000_000;
export const workspaceUuid = '{w}';

/** Rows as they may stand in the store; each test changes what it is about. */
export const rows = {
  installation: (id: string, more: Partial<Installation> = {}): Installation => ({
    ...{ id, door: 'forge', externalId: `external-${id}`, workspaceUuid, state: 'active' },
    ...{ secretSealed: 'v1.0123456789ab.sealed', installedBy: 'Ada', createdAt: now },
    updatedAt: now,
    ...more,
  }),
  target: (id: string, repositoryId: string, more: Partial<Target> = {}): Target => ({
    ...{ id, repositoryId, backend: 'local', connectionId: null, name: `Target ${id}` },
    ...{ state: 'active', newerPush: 'finish', afterTargetId: null, promote: 'automatic' },
    ...{ branchPattern: 'main', tagPattern: null, includePaths: null, excludePaths: null },
    ...{ honourSkipMarkers: true, settings: { port: 1, ümlaut: ['ß'] }, secretsSealed: null },
    ...{ hold: null, liveDeploymentId: null, version: 1, createdBy: 'Ada', createdAt: now },
    updatedAt: now,
    ...more,
  }),
  connection: (id: string, more: Partial<Connection> = {}): Connection => ({
    ...{ id, workspaceUuid, backend: 'render', name: `Account ${id}`, state: 'ok' },
    ...{ brokenReason: null, brokenSince: null, settings: {}, account: 'team' },
    ...{ secretsSealed: 'v1.0123456789ab.sealed', expiresAt: null, testedAt: now },
    ...{ lastUsedAt: null, version: 1, createdBy: 'Ada', createdAt: now, updatedBy: 'Ada' },
    updatedAt: now,
    ...more,
  }),
  event: (id: string, sourceId: string, more: Partial<StoredEvent> = {}): StoredEvent => ({
    ...{ id, sourceId, deliveryId: `delivery-${id}`, eventKey: 'repo:push', state: 'recorded' },
    ...{ repositoryId: 'r1', actor: { uuid: '{ada}', name: 'Ada %_! "Ex"' }, attemptNumber: 1 },
    ...{ bodyDigest: '', body: '{"push":"ü"}', receivedAt: now },
    ...more,
  }),
  refChange: (
    id: string,
    eventId: string,
    more: Partial<StoredRefChange> = {},
  ): StoredRefChange => ({
    ...{ id, eventId, position: 0, repositoryId: 'r1', refType: 'branch', name: 'main' },
    ...{ from: 'a'.repeat(40), to: 'b'.repeat(40), kind: 'update', message: 'Fix\n\nit' },
    ...{ author: 'Ada', sourceId: 's1', moveKey: `move-${id}`, occurrence: 1, sameAs: null },
    createdAt: now,
    ...more,
  }),
  ref: (id: string, name: string, more: Partial<KnownRef> = {}): KnownRef => ({
    ...{ id, repositoryId: 'r1', refType: 'branch', name, head: 'b'.repeat(40) },
    ...{ carefulUntil: 0, unknownHead: null, unknownSince: null, updatedAt: now },
    ...more,
  }),
  decision: (refChangeId: string, targetId: string, more: Partial<Decision> = {}): Decision => ({
    ...{ refChangeId, targetId, outcome: 'deploy', reasonCode: 'matches', reason: 'It matches.' },
    ...{ deploymentId: null, createdAt: now },
    ...more,
  }),
  deployment: (id: string, targetId: string, more: Partial<Deployment> = {}): Deployment => ({
    ...newDeployment(
      {
        ...{ id, pageToken: `page-${id}`, targetId, repositoryId: 'r1', refChangeId: null },
        ...{ slot: 'branch:main', refType: 'branch', refName: 'main', commit: 'b'.repeat(40) },
        ...{ message: 'Fix', author: 'Ada', cause: 'push', causedBy: 'Ada', pendingChecks: [] },
      },
      now,
    ),
    ...more,
  }),
  attempt: (id: string, deploymentId: string, more: Partial<Attempt> = {}): Attempt => ({
    ...{ id, deploymentId, kind: 'trigger', number: 1, fencing: 1, startedAt: now },
    ...{ finishedAt: null, outcome: null, detail: null, exchanges: null },
    ...more,
  }),
  statusReport: (id: string, deploymentId: string, more: Partial<StatusReport> = {}) =>
    ({
      ...{ id, deploymentId, repositoryId: 'r1', commit: 'b'.repeat(40), key: 'k' },
      ...{ state: 'INPROGRESS', name: 'n', description: '', url: 'https://s.example/' },
      ...{ refName: null, dueAt: now, attempts: 0, settledAt: null, error: null, createdAt: now },
      ...more,
    }) satisfies StatusReport,
  hook: (id: string, repositoryId: string, more: Partial<Hook> = {}): Hook => ({
    ...{ id, repositoryId, sourceId: `source-${id}`, remoteUuid: '{h}' },
    ...{ secretSealed: 'v1.0123456789ab.x', previousSecretSealed: null, previousUntil: null },
    ...{ state: 'active', events: ['repo:push'], enabledBy: 'Ada', enabledByUuid: '{ada}' },
    ...{ health: null, alarm: null, lastDeliveryAt: null, checkDueAt: now },
    ...{ createdAt: now, updatedAt: now },
    ...more,
  }),
  grant: (id: string, more: Partial<OAuthGrant> = {}): OAuthGrant => ({
    ...{ id, clientId: 'c', userUuid: '{ada}', userName: 'Ada', state: 'active' },
    ...{ brokenReason: null, accessSealed: 'v1.0123456789ab.a', accessExpiresAt: now },
    ...{ refreshSealed: 'v1.fedcba987654.r', lapsesAt: now, scopes: null, version: 1 },
    ...{ renewingUntil: null, renewingBy: null, createdAt: now, updatedAt: now },
    ...more,
  }),
  notice: (id: string, more: Partial<Notice> = {}): Notice => ({
    ...{ id, kind: 'grant_broken', level: 'warning', workspaceUuid, repositoryId: 'r1' },
    ...{ userUuid: '{ada}', subject: `subject-${id}`, dedupeKey: `key-${id}`, says: 'It broke.' },
    ...{ advice: 'Mend it.', path: null, createdAt: now, resolvedAt: null },
    ...more,
  }),
  noticeDelivery: (id: string, noticeId: string, channelId: string): NoticeDelivery => ({
    ...{ id, noticeId, channelId, news: 'opened', dueAt: now, attempts: 0 },
    ...{ settledAt: null, error: null, createdAt: now },
  }),
  credential: (id: string, more: Partial<WorkspaceCredential> = {}): WorkspaceCredential => ({
    ...{ id, workspaceUuid, kind: 'consumer', serves: 'r1', clientId: 'c' },
    ...{ secretSealed: 'v1.0123456789ab.s', scopes: null, endsAt: null, state: 'active' },
    ...{ brokenReason: null, checkDueAt: now, createdBy: 'Ada', createdAt: now },
    updatedAt: now,
    ...more,
  }),
};
