import type { WorkspaceSection } from './section.js';
import { auditSection } from './sections/audit.js';
import { connectionsSection, type ConnectionsDeps } from './sections/connections.js';
import { credentialsSection, type CredentialsDeps } from './sections/credentials.js';
import { deadLettersSection, type DeadLettersDeps } from './sections/dead-letters.js';
import { noticesSection, type NoticesDeps } from './sections/notices.js';
import { repositoriesSection, type RepositoriesDeps } from './sections/repositories.js';

/** What the sections need, each its own part. */
export type SectionDeps = RepositoriesDeps &
  DeadLettersDeps &
  ConnectionsDeps &
  CredentialsDeps &
  NoticesDeps;

/** The workspace's page from top to bottom. */
export function createSections(deps: SectionDeps): WorkspaceSection[] {
  return [
    noticesSection(deps),
    repositoriesSection(deps),
    deadLettersSection(deps),
    connectionsSection(deps),
    credentialsSection(deps),
    auditSection(deps),
  ];
}
