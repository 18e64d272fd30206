import type { Hook } from '../core/model/index.js';
import type { Vault } from '../core/ports.js';

/** What a hook's secrets are sealed against. Sealing and opening must agree, so the words are here once. */
export function hookSecretIdentity(hookId: string, which: 'secret' | 'previous'): string {
  return `hooks:${hookId}:${which}`;
}

/** In-flight deliveries and their instant retries were signed before the new secret was set; this outlives them by far. */
export const previousSecretMs = 10 * 60_000;

export interface OpenHookSecret {
  value: string;
  /** Unix ms; null: for good. */
  until: number | null;
}

/** The secrets a delivery may be signed with, the current one first. Throws what the vault throws. */
export function openHookSecrets(hook: Hook, vault: Pick<Vault, 'open'>): OpenHookSecret[] {
  const { id, secretSealed, previousSecretSealed: previous, previousUntil: until } = hook;
  const secrets: OpenHookSecret[] = [
    { value: vault.open(secretSealed, hookSecretIdentity(id, 'secret')), until: null },
  ];
  if (previous !== null && until !== null) {
    secrets.push({ value: vault.open(previous, hookSecretIdentity(id, 'previous')), until });
  }
  return secrets;
}
