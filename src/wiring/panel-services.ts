import { approveDeployment, declineDeployment } from '../actions/approve-deployment.js';
import { confirmLive } from '../actions/confirm-live.js';
import { removeTarget, setAutomatic, type ChangeTargetDeps } from '../actions/change-target.js';
import { checkTarget, checkTargetByStep } from '../actions/check-target.js';
import { fixTarget } from '../actions/fix-target.js';
import { createAtBackend, listTargets, proposeCreation } from '../actions/list-targets.js';
import { openRepository } from '../actions/open-repository.js';
import { openForCall } from '../actions/open-target.js';
import {
  cancelDeployment,
  deployNow,
  redeploy,
  rollBack,
  type RequestDeps,
} from '../actions/request-deployment.js';
import { retryDeployments } from '../actions/retry-deployments.js';
import { saveTarget, saveTargetByStep } from '../actions/save-target.js';
import type { Backend } from '../core/backend.js';
import type { Deployment } from '../core/model/index.js';
import type { Bitbucket, TryFetch } from '../core/ports.js';
import type { PanelServices } from '../doors/panel/panel-services.js';
import { cachedFor } from '../lib/cached-for.js';
import { matchesRefPattern, pathPatternProblem, refPatternProblem } from '../lib/patterns.js';
import { patienceMs } from './bitbucket.js';
import type { HookParts } from './hooks.js';

const patterns = {
  matches: matchesRefPattern,
  patternProblem: refPatternProblem,
  pathProblem: pathPatternProblem,
};
const permissionCacheMs = 60_000;
const personNameCacheMs = 60 * 60_000;
/** Between two commits nothing ever changes; the bound is for the memory. */
const changedPathsCacheMs = 10 * 60_000;
const branchSuggestions = 100;

type PanelDeps = RequestDeps &
  ChangeTargetDeps & { bitbucket: Bitbucket; hooks: HookParts; tryFetch: TryFetch };

/** The panel's wishes, fulfilled by actions. */
export function createPanelServices(deps: PanelDeps, backends: readonly Backend[]): PanelServices {
  const { storage, bitbucket, logger, clock } = deps;
  const permission = cachedFor(permissionCacheMs, clock, bitbucket.permission.bind(bitbucket), {
    key: (repository, userUuid) => `${repository.id} ${userUuid}`,
  });
  const personName = cachedFor(personNameCacheMs, clock, bitbucket.personName.bind(bitbucket), {
    key: (repository, userUuid) => `${repository.workspaceUuid} ${userUuid}`,
  });
  const changedPaths = cachedFor(
    changedPathsCacheMs,
    clock,
    bitbucket.changedPaths.bind(bitbucket),
    {
      key: (repository, from, to) => `${repository.id} ${from} ${to}`,
    },
  );
  return {
    personName,
    read: storage.read,
    backends,
    logger,
    permission,
    openRepository: (workspaceUuid, uuid) => openRepository(workspaceUuid, uuid, deps),
    changedPaths: (repository, from, to) => changedPaths(repository, from, to).catch(() => null),
    branches: (repository) => bitbucket.branches(repository, branchSuggestions).catch(() => []),
    saveTarget: (input) => saveTarget(input, { ...deps, ...patterns }),
    saveTargetByStep: (input, checked) =>
      saveTargetByStep(input, checked, { ...deps, ...patterns }),
    checkTarget: ({ targetId }) => checkTarget(targetId, { ...deps, ...patterns }),
    checkTargetByStep: ({ targetId }, checked) =>
      checkTargetByStep(targetId, checked, { ...deps, ...patterns }),
    listTargets: (input) => listTargets(input, deps),
    proposeCreation: (input) => proposeCreation(input, deps),
    createAtBackend: (input) => createAtBackend(input, deps),
    fixTarget: (input) => fixTarget(input, deps),
    removeTarget: (input) => removeTarget(input, deps),
    setAutomatic: (input) => setAutomatic(input, deps),
    deployNow: (input) => deployNow(input, deps),
    redeploy: (input) => redeploy(input, deps),
    cancel: (input) => cancelDeployment(input, deps),
    rollBack: (input) => rollBack(input, deps),
    approve: (input) => approveDeployment(input, deps),
    decline: (input) => declineDeployment(input, deps),
    confirmLive: (input) => confirmLive(input, deps),
    retryFailed: ({ wish, by }) =>
      retryDeployments('ids' in wish ? { ...wish, by, onlyLast: true } : { ...wish, by }, deps),
    buildLog: (deployment) => buildLog(deployment, deps),
    hooks: deps.hooks,
  };
}

async function buildLog(deployment: Deployment, deps: PanelDeps): Promise<string | null> {
  const target = await deps.storage.read.targets.byId(deployment.targetId);
  const backend = target ? deps.backend(target.backend) : null;
  if (!target || !backend?.logs) return null;
  return backend.logs(
    {
      deploymentId: deployment.id,
      target: await openForCall(target, deps),
      backendRef: deployment.backendRef,
      commit: deployment.commit,
    },
    AbortSignal.timeout(patienceMs),
  );
}
