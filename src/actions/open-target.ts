import type { BackendTarget } from '../core/backend.js';
import type { Target } from '../core/model/index.js';
import type { Vault } from '../core/ports.js';

/** Identity that binds a target's sealed settings to its row. */
export function secretsIdentity(targetId: string): string {
  return `targets:${targetId}:secrets`;
}

/** A target with its secrets opened, for one call of a backend. */
export function openTarget(target: Target, vault: Vault): BackendTarget {
  const secrets =
    target.secretsSealed === null
      ? {}
      : (JSON.parse(vault.open(target.secretsSealed, secretsIdentity(target.id))) as Record<
          string,
          unknown
        >);
  return { id: target.id, name: target.name, settings: target.settings, secrets };
}
