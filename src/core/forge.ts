/** Ports about Forge installations, and about names that events leave out. Part of `ports.ts`. */
import type { ForgeFacts, NameLookup, PersonKey, PersonName } from './model/index.js';

export interface ForgeReads {
  ofInstallation(installationId: string): Promise<ForgeFacts | null>;
  /** Of the workspace's active installations, those with a token, the one that lives longest first. */
  tokensOf(workspaceUuid: string): Promise<ForgeFacts[]>;
  /** Of active installations that were not called for since then, the longest silent first. */
  silentSince(seenBefore: number, limit: number): Promise<ForgeFacts[]>;
}

export interface ForgeWrites {
  /** Inserts, or replaces by installation. */
  save(facts: ForgeFacts): Promise<void>;
}

export interface NameLookupReads {
  nextDue(): Promise<number | null>;
}

export interface NameLookupWrites {
  /** What is asked for already stays as it is. */
  ask(ids: readonly string[], now: number): Promise<void>;
  /** Takes due ones and hides them until `until`. */
  claimDue(limit: number, now: number, until: number): Promise<NameLookup[]>;
  again(id: string, dueAt: number): Promise<void>;
  done(id: string): Promise<void>;
}

export interface PersonNameReads {
  /** Of these people those that were asked for; in no order. */
  find(people: readonly PersonKey[]): Promise<PersonName[]>;
}

export interface PersonNameWrites {
  /** Inserts, or replaces by workspace and person. */
  save(rows: readonly PersonName[]): Promise<void>;
  /**
   * Writes a name into so many events of the workspace that have only the person's id, and into the deployments that those pushes
   * caused. Returns how many events that were; 0: none is left.
   */
  spread(person: PersonKey & { name: string }, limit: number): Promise<number>;
  /** Forgets so many of those that were last asked for before then; returns how many that were. */
  prune(askedBefore: number, limit: number): Promise<number>;
}

export function repositoryLookup(repositoryId: string): string {
  return `repository:${repositoryId}`;
}

export function workspaceLookup(workspaceUuid: string): string {
  return `workspace:${workspaceUuid}`;
}

export function personLookup({ workspaceUuid, personUuid }: PersonKey): string {
  return `person:${workspaceUuid}:${personUuid}`;
}
