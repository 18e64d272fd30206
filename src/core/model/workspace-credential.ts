/**
 * - `consumer`: the workspace's own private OAuth consumer (`client_credentials`).
 * - `access_token`: a workspace's or a repository's access token.
 */
export type WorkspaceCredentialKind = 'consumer' | 'access_token';

/** A right to read repositories that belongs to a workspace, not to a person. */
export interface WorkspaceCredential {
  id: string;
  workspaceUuid: string;
  kind: WorkspaceCredentialKind;
  /** `workspace`, or the uuid of the one repository it is good for. One of a kind for each. */
  serves: string;
  /** Key of the consumer; null for an access token. */
  clientId: string | null;
  /** Secret of the consumer, or the token. Sealed against `workspace_credentials:<id>:secret`. */
  secretSealed: string;
  /** Space-separated, as Bitbucket said when it was tested; null = it did not say. */
  scopes: string | null;
  /** When an access token expires, as the person who entered it said; null = unknown or never. Unix ms. */
  endsAt: number | null;
  /** `broken`: Bitbucket refused it. It is still tried, after all: the refusal may pass. */
  state: 'active' | 'broken';
  brokenReason: string | null;
  /** When it is tested next. */
  checkDueAt: number | null;
  createdBy: string;
  createdAt: number;
  updatedAt: number;
}
