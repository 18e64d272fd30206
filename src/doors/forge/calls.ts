import type {
  ForgeCallFacts,
  ForgeCallKind,
  NotedForgeCall,
} from '../../actions/note-forge-call.js';
import type { Installation, Source } from '../../core/model/index.js';
import type { Clock } from '../../core/ports.js';
import { isWithin } from '../../lib/is-within.js';
import type { ForgeCaller } from './claims.js';
import type { ForgeToken, InvocationVerifier } from './verify.js';

export type ForgeCall =
  | {
      ok: true;
      caller: ForgeCaller;
      installation: Installation;
      source: Source;
      userToken: string | null;
    }
  /** 204: verified, but its installation counts no more; Forge should not try again. */
  | { ok: false; why: string; answer: 204 | 401 | 403 | 503 };

export interface ForgeCalls {
  /** Verifies a call and notes what it brings. Throws what storage and vault throw. */
  take(
    headers: Readonly<Record<string, string | string[] | undefined>>,
    kind: ForgeCallKind,
  ): Promise<ForgeCall>;
  /** An installation changed by something else than its own calls. */
  forget(installationId: string): void;
}

export interface ForgeCallsOptions {
  verify: InvocationVerifier;
  note(facts: ForgeCallFacts): Promise<NotedForgeCall>;
  /** A newer token came for a workspace, or its installation ended: cached tokens may be worthless. */
  onTokenChange(workspaceUuid: string): void;
  clock: Clock;
}

/** A page that is looked at calls every few seconds, and a push may come a hundred times a second: noted once a minute. */
const noteAgainMs = 60_000;
const maxEntries = 10_000;

interface Known {
  noted: Extract<NotedForgeCall, { kind: 'active' }>;
  workspaceUuid: string;
  tokenValue: string | null;
  at: number;
}

export function createForgeCalls(options: ForgeCallsOptions): ForgeCalls {
  const known = new Map<string, Known>();

  function usable(caller: ForgeCaller, token: ForgeToken | null): Known | null {
    const entry = known.get(caller.installationId);
    const same =
      entry !== undefined &&
      entry.workspaceUuid === caller.workspaceUuid &&
      (token === null || token.value === entry.tokenValue) &&
      isWithin(noteAgainMs, { at: entry.at, now: options.clock() });
    return same ? entry : null;
  }

  async function note(
    caller: ForgeCaller,
    token: ForgeToken | null,
    kind: ForgeCallKind,
  ): Promise<NotedForgeCall> {
    const { installationId, workspaceUuid, environmentId, environmentType } = caller;
    const entry = kind === 'pre_uninstall' ? null : usable(caller, token);
    if (entry) return entry.noted;
    const noted = await options.note({
      ...{ kind, installationId, workspaceUuid, environmentId, environmentType },
      systemToken: token,
    });
    known.delete(installationId);
    if (noted.kind === 'active') {
      if (known.size >= maxEntries) known.clear();
      const tokenValue = token?.value ?? null;
      known.set(installationId, { noted, workspaceUuid, tokenValue, at: options.clock() });
    }
    if (noted.kind === 'removed' || (noted.kind === 'active' && noted.newToken)) {
      options.onTokenChange(workspaceUuid);
    }
    return noted;
  }

  return {
    async take(headers, kind) {
      const verified = await options.verify(headers);
      if (!verified.ok) return verified;
      const { caller, systemToken, userToken } = verified;
      const noted = await note(caller, systemToken, kind);
      if (noted.kind === 'removed') return { ok: false, why: 'installation_removed', answer: 204 };
      if (noted.kind === 'contradiction') {
        return { ok: false, why: 'installation_of_another_workspace', answer: 403 };
      }
      const { installation, source } = noted;
      return { ok: true, caller, installation, source, userToken };
    },
    forget: (installationId) => {
      known.delete(installationId);
    },
  };
}
