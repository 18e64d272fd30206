import type { Reader, WorkspacePermission } from '../../core/ports.js';
import type { WorkspaceIdentity } from '../panel/identity.js';

/** What every part of a workspace's page needs. What only one section needs goes to that section (`sections.ts`). */
export interface WorkspaceServices {
  read: Reader;
  /** Asks Bitbucket; cached for a minute. `unknown`: our credential may not ask. */
  workspacePermission(workspaceUuid: string, userUuid: string): Promise<WorkspacePermission>;
  /** Display name of who looks; null when Bitbucket does not tell. */
  personName(identity: WorkspaceIdentity): Promise<string | null>;
}
