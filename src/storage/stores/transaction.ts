import type { Transaction } from '../../core/ports.js';
import type { Sql } from '../sql.js';
import { attemptStore, deploymentStore } from './deployments.js';
import { auditStore } from './audit.js';
import { backendReportStore, cloneGrantStore } from './receivers.js';
import { careStore } from './care.js';
import { connectionStore } from './connections.js';
import { eventStore, refStore } from './events.js';
import { forgeStore, nameLookupStore } from './forge.js';
import { grantStore, noticeStore, webSessionStore } from './people.js';
import { hookStore } from './hooks.js';
import { installationStore, repositoryStore } from './places.js';
import { laneStore, statusReportStore } from './queue.js';
import { nodeStore } from './nodes.js';
import { noticeChannelStore, noticeDeliveryStore } from './notice-channels.js';
import { personNameStore } from './person-names.js';
import { sealedStore } from './sealed.js';
import { targetStore } from './targets.js';
import { workspaceCredentialStore } from './workspace-credentials.js';

/** The stores over one connection; also for commands and tests that bring a connection of their own. */
export function transactionOver(sql: Sql, newId: () => string): Transaction {
  return {
    installations: installationStore(sql),
    repositories: repositoryStore(sql, newId),
    targets: targetStore(sql),
    connections: connectionStore(sql),
    events: eventStore(sql),
    refs: refStore(sql),
    deployments: deploymentStore(sql),
    attempts: attemptStore(sql),
    lanes: laneStore(sql),
    statusReports: statusReportStore(sql),
    care: careStore(sql),
    backendReports: backendReportStore(sql),
    cloneGrants: cloneGrantStore(sql),
    hooks: hookStore(sql),
    webSessions: webSessionStore(sql),
    grants: grantStore(sql),
    audit: auditStore(sql),
    notices: noticeStore(sql),
    noticeChannels: noticeChannelStore(sql),
    noticeDeliveries: noticeDeliveryStore(sql),
    workspaceCredentials: workspaceCredentialStore(sql),
    sealed: sealedStore(sql),
    forge: forgeStore(sql),
    nameLookups: nameLookupStore(sql),
    personNames: personNameStore(sql),
    nodes: nodeStore(sql),
  };
}
