import {
  checkWorkspaceCredentials,
  removeWorkspaceCredential,
  saveWorkspaceCredential,
  type CredentialForm,
  type WorkspaceCredentialDeps,
} from '../actions/workspace-credentials.js';
import { testCredential } from '../bitbucket/test-credential.js';
import type { Config } from '../config/config.js';
import type { WorkspaceCredential } from '../core/model/index.js';
import type { OutboundHttp } from '../lib/outbound-http.js';
import { createPace } from '../lib/pace.js';
import type { BackgroundJob } from '../queue/worker.js';

export interface WorkspaceCredentials {
  save(form: CredentialForm): Promise<WorkspaceCredential>;
  remove(which: { workspaceUuid: string; id: string; by: { name: string } }): Promise<void>;
  check: BackgroundJob;
}

const checksAtOnce = 20;
const lookEveryMs = 60_000;

/** Credentials that belong to a workspace, tested when they are saved and once a day. */
export function createWorkspaceCredentials(
  basics: Omit<WorkspaceCredentialDeps, 'test'> & {
    config: Readonly<Config>;
    http: OutboundHttp;
    signal: AbortSignal;
  },
): WorkspaceCredentials {
  const { bitbucketUrl: siteUrl, bitbucketApiUrl: apiUrl } = basics.config;
  const deps: WorkspaceCredentialDeps = {
    ...basics,
    test: (credential) => testCredential(credential, { ...basics, siteUrl, apiUrl }),
  };
  const pace = createPace(lookEveryMs, basics.clock);
  return {
    save: (form) => saveWorkspaceCredential(form, deps),
    remove: (which) => removeWorkspaceCredential(which, deps),
    check: {
      name: 'workspace credentials',
      dueAt: pace.dueAt,
      async run() {
        if (!pace.take()) return 0;
        return checkWorkspaceCredentials(deps, checksAtOnce);
      },
    },
  };
}
