import type { HookAlarm, HookHealth, HookProblem } from '../model/index.js';

/** What a webhook of ours subscribes to. More would be traffic without use; less would miss what we must know. */
export const hookEvents = ['repo:push', 'repo:updated', 'repo:transfer', 'repo:deleted'] as const;
export const hookDescription = 'Slipway';
/** Bitbucket allows so many a repository (reference/bitbucket-api.md §4.8). */
export const mostHooks = 50;

export interface HookWords {
  says: string;
  advice: string;
  /** Whether our own repair can mend it. */
  canRepair: boolean;
}

const words: Record<HookProblem, (detail: string | null) => HookWords> = {
  missing: () => ({
    says: 'Bitbucket has no webhook that leads to Slipway any more, so pushes are found minutes late.',
    advice: 'Repair puts it back.',
    canRepair: true,
  }),
  inactive: () => ({
    says: 'Somebody switched the webhook off in Bitbucket.',
    advice: 'Repair switches it on again.',
    canRepair: true,
  }),
  events_missing: (detail) => ({
    says: `The webhook does not send ${detail ?? 'all events that Slipway needs'}.`,
    advice: 'Repair subscribes to what is missing.',
    canRepair: true,
  }),
  unsigned: () => ({
    says: 'The webhook has lost its secret, so Slipway must refuse what it sends.',
    advice: 'Repair gives it a new one.',
    canRepair: true,
  }),
  doubled: () => ({
    says: 'More than one webhook leads to Slipway; all but one are refused.',
    advice: 'Repair removes the others.',
    canRepair: true,
  }),
  limit_reached: () => ({
    says: `This repository has ${mostHooks} webhooks, which is as many as Bitbucket allows.`,
    advice: 'Remove one that is not used under Repository settings → Webhooks, then try again.',
    canRepair: true,
  }),
  not_admin: (detail) => ({
    says: `Bitbucket lets only admins of the repository look after its webhooks, and ${detail ?? 'nobody who is connected'} is none.`,
    advice: 'An admin of the repository can sign in here and press Repair.',
    canRepair: true,
  }),
  scope_missing: () => ({
    says: 'The connection to Bitbucket lacks the permission “Webhooks: read and write”.',
    advice:
      'Tick it in the OAuth consumer’s settings in Bitbucket, then sign in here again and press Repair.',
    canRepair: true,
  }),
  no_credential: () => ({
    says: 'Nobody is connected any more in whose name Slipway may look after the webhook.',
    advice: 'An admin of the repository can sign in here and press Repair.',
    canRepair: true,
  }),
  repository_gone: () => ({
    says: 'Bitbucket does not show Slipway this repository: it was deleted or moved, or whoever enabled it has lost access.',
    advice: 'If it still exists, somebody who may see it can sign in here and press Repair.',
    canRepair: true,
  }),
  unavailable: () => ({
    says: 'Bitbucket did not answer when the webhook was checked.',
    advice: 'It is checked again by itself.',
    canRepair: false,
  }),
};

export function explainProblem(problem: HookProblem, detail: string | null = null): HookWords {
  return words[problem](detail);
}

/** What there is to say about a hook; null when all is well. The more urgent thing wins. */
export function explainHook(hook: {
  health: HookHealth | null;
  alarm: HookAlarm | null;
}): HookWords | null {
  const problem = hook.health?.problem ?? null;
  if (problem !== null && problem !== 'unavailable') {
    return explainProblem(problem, hook.health?.detail ?? null);
  }
  if (hook.alarm) {
    return {
      says: `A push to ${hook.alarm.refName} came to light without the webhook telling of it.`,
      advice:
        'If it goes on, look at the webhook’s requests under Repository settings → Webhooks: Bitbucket may not reach this Slipway.',
      canRepair: true,
    };
  }
  return problem === null ? null : explainProblem(problem);
}
