import { explainHook } from '../../../core/hooks/explain.js';
import type { Door, Hook } from '../../../core/model/index.js';
import type { Rights } from '../identity.js';
import { timeView } from './time.js';

export interface HookView {
  isOn: boolean;
  isAdmin: boolean;
  enabledBy: string | null;
  lastDelivery: ReturnType<typeof timeView> | null;
  checked: ReturnType<typeof timeView> | null;
  trouble: { says: string; advice: string } | null;
  canRepair: boolean;
  /** Pushes reach us another way as well: the app is installed in the workspace. */
  alsoByApp: boolean;
}

/** Null: there is nothing to say of it; the app brings the pushes. */
export function hookView(
  hook: Hook | null,
  viewer: { door: Door; rights: Rights; alsoByApp: boolean; now: number },
): HookView | null {
  const isOn = hook?.state === 'active';
  if (!isOn && viewer.door !== 'oauth') return null;
  const trouble = isOn ? explainHook(hook) : null;
  const at = (ms: number | null | undefined) =>
    ms === null || ms === undefined ? null : timeView(ms, viewer.now);
  return {
    isOn,
    isAdmin: viewer.rights === 'admin',
    enabledBy: isOn ? hook.enabledBy : null,
    lastDelivery: isOn ? at(hook.lastDeliveryAt) : null,
    checked: isOn ? at(hook.health?.checkedAt) : null,
    trouble,
    canRepair: trouble?.canRepair ?? false,
    alsoByApp: viewer.alsoByApp,
  };
}
