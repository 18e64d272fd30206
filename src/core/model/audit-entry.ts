/** Who changed what: settings, connections, ways in and out. What deploys do has rows of its own. */
export interface AuditEntry {
  id: string;
  workspaceUuid: string;
  /** Null: it concerns the whole workspace. */
  repositoryId: string | null;
  /** Display name. */
  by: string;
  /** "removed the target Production": follows the name. Never a secret, never a value of one. */
  says: string;
  at: number;
}
