import type { WorkspaceSection } from './section.js';
import { connectionsSection, type ConnectionsDeps } from './sections/connections.js';
import { repositoriesSection, type RepositoriesDeps } from './sections/repositories.js';

/** What the sections need, each its own part. */
export type SectionDeps = RepositoriesDeps & ConnectionsDeps;

/** The workspace's page from top to bottom. */
export function createSections(deps: SectionDeps): WorkspaceSection[] {
  return [repositoriesSection(deps), connectionsSection(deps)];
}
