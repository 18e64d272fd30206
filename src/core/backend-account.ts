import type { z } from 'zod';
import type { CheckProblem } from './backend.js';

/**
 * The part of the contract for backends where a workspace has an account. One account, a *connection*, serves many targets:
 * its credential is entered once, tested when saved, and repaired in one place.
 */
export interface BackendAccount {
  /** What a connection asks for: a zod object as `Backend.settings`. At least one field is secret. */
  readonly settings: z.ZodObject;
  /** Plain words: where such a credential is made, and with which rights. */
  readonly help: string;
  /** Asks the backend whether the credential works; must change nothing. Run when a connection is saved, and on demand. */
  test(connection: BackendConnection, signal: AbortSignal): Promise<ConnectionTest>;
  /** What can be deployed to with it, a page at a time. A choice's `id` goes into the settings field marked `listed`. */
  listTargets?(
    connection: BackendConnection,
    page: { cursor: string | null },
    signal: AbortSignal,
  ): Promise<TargetListing>;
  /** Makes something new to deploy to, out of a repository. */
  readonly creation?: TargetCreation;
}

/** What a backend may know of a connection. Secrets are opened just for this call; never keep them. */
export interface BackendConnection {
  id: string;
  name: string;
  settings: Readonly<Record<string, unknown>>;
  secrets: Readonly<Record<string, unknown>>;
}

export type ConnectionTest =
  | {
      ok: true;
      /** Whose credential it is, as the backend says; null when it does not. */
      account: string | null;
      /** Unix ms; null: not known, or never. */
      expiresAt: number | null;
    }
  /** `refused`: the backend did not accept the credential, as opposed to not answering. */
  | { ok: false; refused: boolean; problems: CheckProblem[] };

export type TargetListing =
  | { ok: true; choices: TargetChoice[]; /** Null: this was the last page. */ next: string | null }
  | { ok: false; refused: boolean; reason: string };

export interface TargetChoice {
  /** Value of the settings field marked `listed`. */
  id: string;
  label: string;
  /** What it is made of, one a line: "web: service from harbour-team/ferry-desk, branch main". */
  parts: string[];
  /** Where its code comes from, `workspace/repository`; null when that is not one repository of Bitbucket's. */
  repository: string | null;
  /** The branch fixed there; null when none is. */
  branch: string | null;
  url: string | null;
}

export interface TargetCreation {
  readonly label: string;
  /** The rights that only this needs, in words: "app:create". */
  readonly extraRights: string;
  /** What would be made and what it would cost. Must change nothing. */
  propose(
    connection: BackendConnection,
    wish: CreationWish,
    signal: AbortSignal,
  ): Promise<CreationProposal>;
  /** Makes it. Asked again after an unanswered call, it finds what it made instead of making a second one. */
  create(
    connection: BackendConnection,
    wish: CreationWish,
    signal: AbortSignal,
  ): Promise<CreationResult>;
}

export interface CreationWish {
  repository: { fullName: string; name: string };
  branch: string;
  /** Name wanted for the new thing; the backend may have rules for it. */
  name: string;
}

export type CreationProposal =
  | {
      kind: 'proposed';
      parts: string[];
      /** In words, with currency and period: "5 USD a month"; null when the backend does not say. */
      cost: string | null;
      warnings: string[];
    }
  /** The backend still looks at the repository: ask again. */
  | { kind: 'pending'; reason: string }
  | { kind: 'refused'; reason: string; field?: 'name' | 'branch' };

export type CreationResult =
  | { kind: 'created'; choice: TargetChoice }
  | { kind: 'refused'; reason: string; field?: 'name' | 'branch' }
  /** Sent, no answer: it may exist by now. Asking again is safe. */
  | { kind: 'unknown'; reason: string };
