import type { ApiUse, ClusterNode } from '../../core/cluster.js';
import type { Sequelize } from 'sequelize';
import type {
  Attempt,
  AuditEntry,
  BackendReport,
  CloneGrant,
  Connection,
  Decision,
  Deployment,
  ForgeFacts,
  Hook,
  Installation,
  KnownRef,
  Lane,
  NameLookup,
  PersonName,
  Notice,
  NoticeChannel,
  NoticeDelivery,
  OAuthGrant,
  Repository,
  Source,
  StatusReport,
  StoredEvent,
  StoredRefChange,
  Target,
  WebSession,
  Workspace,
  WorkspaceCredential,
} from '../../core/model/index.js';
import { Table } from '../table.js';

export const workspaces = new Table<Workspace>('workspaces', {
  uuid: 'id',
  slug: 'text',
  name: 'text',
  updatedAt: 'integer',
});

export const installations = new Table<Installation>('installations', {
  id: 'id',
  door: 'text',
  externalId: 'text',
  workspaceUuid: 'text',
  state: 'text',
  secretSealed: 'text',
  installedBy: 'text',
  createdAt: 'integer',
  updatedAt: 'integer',
});

export const sources = new Table<Source>('sources', {
  id: 'id',
  door: 'text',
  key: 'text',
  installationId: 'text',
  createdAt: 'integer',
});

export const repositories = new Table<Repository>('repositories', {
  id: 'id',
  uuid: 'text',
  workspaceUuid: 'text',
  fullName: 'text',
  name: 'text',
  mainBranch: 'text',
  isPrivate: 'flag',
  state: 'text',
  baselineAt: 'integer',
  reconcileDueAt: 'integer',
  createdAt: 'integer',
  updatedAt: 'integer',
});

export const targets = new Table<Target>('targets', {
  id: 'id',
  repositoryId: 'text',
  backend: 'text',
  connectionId: 'text',
  name: 'text',
  state: 'text',
  afterTargetId: 'text',
  promote: 'text',
  branchPattern: 'text',
  tagPattern: 'text',
  includePaths: 'text',
  excludePaths: 'text',
  honourSkipMarkers: 'flag',
  newerPush: 'text',
  settings: 'json',
  secretsSealed: 'text',
  hold: 'json',
  liveDeploymentId: 'text',
  version: 'integer',
  createdBy: 'text',
  createdAt: 'integer',
  updatedAt: 'integer',
});

export const connections = new Table<Connection>('connections', {
  id: 'id',
  workspaceUuid: 'text',
  backend: 'text',
  name: 'text',
  state: 'text',
  brokenReason: 'text',
  brokenSince: 'integer',
  settings: 'json',
  secretsSealed: 'text',
  account: 'text',
  expiresAt: 'integer',
  testedAt: 'integer',
  lastUsedAt: 'integer',
  version: 'integer',
  createdBy: 'text',
  createdAt: 'integer',
  updatedBy: 'text',
  updatedAt: 'integer',
});

export const events = new Table<StoredEvent>('events', {
  id: 'id',
  sourceId: 'text',
  deliveryId: 'text',
  eventKey: 'text',
  state: 'text',
  repositoryId: 'text',
  actor: 'json',
  attemptNumber: 'integer',
  bodyDigest: 'text',
  receivedAt: 'integer',
});

export const refChanges = new Table<StoredRefChange>('ref_changes', {
  id: 'id',
  eventId: 'text',
  position: 'integer',
  repositoryId: 'text',
  refType: 'text',
  name: 'text',
  from: 'text',
  to: 'text',
  kind: 'text',
  message: 'text',
  author: 'text',
  sourceId: 'text',
  moveKey: 'text',
  occurrence: 'integer',
  sameAs: 'text',
  createdAt: 'integer',
});

export const refs = new Table<KnownRef>('refs', {
  id: 'id',
  repositoryId: 'text',
  refType: 'text',
  name: 'text',
  head: 'text',
  carefulUntil: 'integer',
  unknownHead: 'text',
  unknownSince: 'integer',
  updatedAt: 'integer',
});

/** Creates or updates by what names a ref. */
export const refConflict = `ON CONFLICT (repository_id, ref_type, name) DO UPDATE SET head = excluded.head,
  careful_until = excluded.careful_until, unknown_head = excluded.unknown_head,
  unknown_since = excluded.unknown_since, updated_at = excluded.updated_at`;

export const decisions = new Table<Decision>('decisions', {
  refChangeId: 'id',
  targetId: 'id',
  outcome: 'text',
  reasonCode: 'text',
  reason: 'text',
  deploymentId: 'text',
  createdAt: 'integer',
});

export const deployments = new Table<Deployment>('deployments', {
  id: 'id',
  pageToken: 'text',
  targetId: 'text',
  repositoryId: 'text',
  refChangeId: 'text',
  slot: 'text',
  slotSince: 'integer',
  refType: 'text',
  refName: 'text',
  commit: 'text',
  message: 'text',
  author: 'text',
  cause: 'text',
  causedBy: 'text',
  rollbackOf: 'text',
  pendingChecks: 'json',
  state: 'text',
  reason: 'text',
  supersededBy: 'text',
  backendRef: 'text',
  builtCommit: 'text',
  url: 'text',
  progress: 'json',
  logTail: 'json',
  cancelRequestedBy: 'text',
  waitsFor: 'text',
  approvalUntil: 'integer',
  approvedBy: 'text',
  clonedWith: 'text',
  createdAt: 'integer',
  startedAt: 'integer',
  finishedAt: 'integer',
  updatedAt: 'integer',
});

export const lanes = new Table<Lane>('lanes', {
  targetId: 'id',
  repositoryId: 'text',
  workspaceUuid: 'text',
  dueAt: 'integer',
  leaseOwner: 'text',
  leaseUntil: 'integer',
  fencing: 'integer',
  wakeCount: 'integer',
  currentDeploymentId: 'text',
  failures: 'integer',
  node: 'text',
});

export const attempts = new Table<Attempt>('attempts', {
  id: 'id',
  deploymentId: 'text',
  kind: 'text',
  number: 'integer',
  fencing: 'integer',
  startedAt: 'integer',
  finishedAt: 'integer',
  outcome: 'text',
  detail: 'text',
  exchanges: 'json',
});

export const statusReports = new Table<StatusReport>('status_reports', {
  id: 'id',
  deploymentId: 'text',
  repositoryId: 'text',
  commit: 'text',
  key: 'text',
  state: 'text',
  name: 'text',
  description: 'text',
  url: 'text',
  refName: 'text',
  dueAt: 'integer',
  attempts: 'integer',
  settledAt: 'integer',
  error: 'text',
  createdAt: 'integer',
});

export const backendReports = new Table<BackendReport>('backend_reports', {
  deploymentId: 'id',
  sequence: 'integer',
  state: 'text',
  url: 'text',
  logUrl: 'text',
  message: 'text',
  commit: 'text',
  reportedAt: 'integer',
});

export const cloneGrants = new Table<CloneGrant>('clone_grants', {
  tokenDigest: 'id',
  deploymentId: 'text',
  fencing: 'integer',
  offeredAt: 'integer',
  usedAt: 'integer',
});

export const hooks = new Table<Hook>('hooks', {
  id: 'id',
  repositoryId: 'text',
  sourceId: 'text',
  remoteUuid: 'text',
  secretSealed: 'text',
  previousSecretSealed: 'text',
  previousUntil: 'integer',
  state: 'text',
  events: 'json',
  enabledBy: 'text',
  enabledByUuid: 'text',
  health: 'json',
  alarm: 'json',
  lastDeliveryAt: 'integer',
  checkDueAt: 'integer',
  createdAt: 'integer',
  updatedAt: 'integer',
});

export const webSessions = new Table<WebSession>('web_sessions', {
  id: 'id',
  userUuid: 'text',
  userName: 'text',
  createdAt: 'integer',
  seenAt: 'integer',
  expiresAt: 'integer',
});

export const oauthGrants = new Table<OAuthGrant>('oauth_grants', {
  id: 'id',
  clientId: 'text',
  userUuid: 'text',
  userName: 'text',
  state: 'text',
  brokenReason: 'text',
  accessSealed: 'text',
  accessExpiresAt: 'integer',
  refreshSealed: 'text',
  lapsesAt: 'integer',
  scopes: 'text',
  version: 'integer',
  renewingUntil: 'integer',
  renewingBy: 'text',
  createdAt: 'integer',
  updatedAt: 'integer',
});

export const notices = new Table<Notice>('notices', {
  id: 'id',
  kind: 'text',
  level: 'text',
  workspaceUuid: 'text',
  repositoryId: 'text',
  userUuid: 'text',
  subject: 'text',
  dedupeKey: 'text',
  says: 'text',
  advice: 'text',
  path: 'text',
  createdAt: 'integer',
  resolvedAt: 'integer',
});

export const noticeChannels = new Table<NoticeChannel>('notice_channels', {
  id: 'id',
  workspaceUuid: 'text',
  kind: 'text',
  name: 'text',
  addressSealed: 'text',
  lastError: 'text',
  lastSentAt: 'integer',
  createdBy: 'text',
  createdAt: 'integer',
});

/** What of a notice was told to the channels. */
export const noticeTellings = new Table<{
  noticeId: string;
  openedAt: number;
  resolvedAt: number | null;
}>('notice_tellings', { noticeId: 'id', openedAt: 'integer', resolvedAt: 'integer' });

export const noticeDeliveries = new Table<NoticeDelivery>('notice_deliveries', {
  id: 'id',
  noticeId: 'text',
  channelId: 'text',
  news: 'text',
  dueAt: 'integer',
  attempts: 'integer',
  settledAt: 'integer',
  error: 'text',
  createdAt: 'integer',
});

export const workspaceCredentials = new Table<WorkspaceCredential>('workspace_credentials', {
  id: 'id',
  workspaceUuid: 'text',
  kind: 'text',
  serves: 'text',
  clientId: 'text',
  secretSealed: 'text',
  scopes: 'text',
  endsAt: 'integer',
  state: 'text',
  brokenReason: 'text',
  checkDueAt: 'integer',
  createdBy: 'text',
  createdAt: 'integer',
  updatedAt: 'integer',
});

export const forgeInstallations = new Table<ForgeFacts>('forge_installations', {
  installationId: 'id',
  environmentId: 'text',
  environmentType: 'text',
  tokenSealed: 'text',
  tokenExpiresAt: 'integer',
  seenAt: 'integer',
  refusedSince: 'integer',
  endedBy: 'text',
});

export const nameLookups = new Table<NameLookup>('name_lookups', {
  id: 'id',
  dueAt: 'integer',
  attempts: 'integer',
  askedAt: 'integer',
});

export const personNames = new Table<PersonName>('person_names', {
  workspaceUuid: 'id',
  personUuid: 'id',
  name: 'text',
  askedAt: 'integer',
});

export const auditEntries = new Table<AuditEntry>('audit_entries', {
  id: 'id',
  workspaceUuid: 'text',
  repositoryId: 'text',
  by: 'text',
  says: 'text',
  at: 'integer',
});

export const nodes = new Table<ClusterNode>('nodes', {
  id: 'id',
  name: 'text',
  roles: 'text',
  masterKeyId: 'text',
  baseUrl: 'text',
  startedAt: 'integer',
  seenAt: 'integer',
});

export const apiUse = new Table<ApiUse>('api_use', {
  nodeId: 'id',
  credential: 'id',
  calls: 'integer',
  pausedUntil: 'integer',
  seenAt: 'integer',
});

interface AnyTable {
  readonly name: string;
  readonly fields: readonly string[];
  define(sequelize: Sequelize): void;
}

export const allTables: readonly AnyTable[] = [
  workspaces,
  installations,
  sources,
  repositories,
  targets,
  connections,
  events,
  refChanges,
  refs,
  decisions,
  deployments,
  lanes,
  attempts,
  statusReports,
  backendReports,
  cloneGrants,
  hooks,
  webSessions,
  oauthGrants,
  notices,
  noticeChannels,
  noticeTellings,
  noticeDeliveries,
  workspaceCredentials,
  forgeInstallations,
  nameLookups,
  personNames,
  auditEntries,
  nodes,
  apiUse,
];

export function defineModels(sequelize: Sequelize): void {
  for (const table of allTables) table.define(sequelize);
}
