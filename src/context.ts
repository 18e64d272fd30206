import { hkdfSync } from 'node:crypto';
import { acceptEvents } from './actions/accept-events.js';
import { removeTarget, setAutomatic } from './actions/change-target.js';
import { installApp } from './actions/install-app.js';
import { findActiveConnectInstallation } from './actions/installation-secret.js';
import { noteUnreadable } from './actions/note-unreadable.js';
import { openRepository } from './actions/open-repository.js';
import { openTarget } from './actions/open-target.js';
import { reconcileDue, type ReconcileDeps } from './actions/reconcile.js';
import { removeApp } from './actions/remove-app.js';
import { reportDueStatuses } from './actions/report-status.js';
import {
  cancelDeployment,
  deployNow,
  redeploy,
  rollBack,
  type RequestDeps,
} from './actions/request-deployment.js';
import { saveTarget } from './actions/save-target.js';
import { stepLane } from './actions/step-lane.js';
import { createBackends } from './backends/registry.js';
import { createAppTokens } from './bitbucket/app-tokens.js';
import { createBitbucket } from './bitbucket/client.js';
import { createConnectGrant } from './bitbucket/connect-grant.js';
import { Limiters } from './bitbucket/limiter.js';
import type { Config, Secrets } from './config/config.js';
import type { Backend } from './core/backend.js';
import { Breakers } from './core/delivery/breaker.js';
import type { Deployment } from './core/model/index.js';
import type { Bitbucket, Logger } from './core/ports.js';
import { createConnectDoor, type ConnectDoor } from './doors/connect/connect-door.js';
import type { IntakeDeps } from './doors/intake.js';
import type { Health } from './doors/ops/health.js';
import type { PanelServices } from './doors/panel/panel-services.js';
import { createIds } from './lib/ids.js';
import { createOutboundHttp, type OutboundHttp } from './lib/outbound-http.js';
import { cachedFor } from './lib/cached-for.js';
import { digest } from './lib/digest.js';
import { matchesPathPattern, matchesRefPattern, refPatternProblem } from './lib/patterns.js';
import { Worker } from './queue/worker.js';
import { openSqliteStorage, type OpenStorage } from './storage/sqlite-storage.js';
import { keptMasterKey } from './vault/key-file.js';
import { createKeyRing } from './vault/key-ring.js';
import { createVault } from './vault/vault.js';

/** Every collaborator of a running Slipway, built once, by hand. */
export interface Context {
  config: Readonly<Config>;
  baseUrl: string;
  logger: Logger;
  clock: () => number;
  connect: ConnectDoor;
  intake: IntakeDeps;
  panel: PanelServices;
  health: Health;
  /** Signs panel sessions; derived from the master key, so a restart ends nobody's session. */
  sessionKey: Buffer;
  start(): Promise<void>;
  /** In the reverse order of the start. */
  stop(): Promise<void>;
}

/** A person waits at most this long for Bitbucket, and so does a lane: its own schedule goes on from there. */
const patienceMs = 5_000;
/** Build statuses are written beside everything else and may wait longer; what fails is kept and tried again. */
const reportPatienceMs = 30_000;
const lanesAtOnce = 8;
const statusesAtOnce = 8;
const repositoriesAtOnce = 4;
const permissionCacheMs = 60_000;
const branchSuggestions = 100;

export async function createContext(
  config: Readonly<Config>,
  secrets: Secrets,
  baseUrl: string,
  logger: Logger,
): Promise<Context> {
  const clock = Date.now;
  const ids = createIds();
  const storage = await openSqliteStorage({
    dataDir: config.dataDir,
    newId: () => ids.next(),
    now: clock,
    logger,
  });
  const masterKey = secrets.masterKey ?? keptMasterKey(config.dataDir);
  const vault = createVault(createKeyRing([masterKey]));
  const stopping = new AbortController();
  const http = createOutboundHttp({
    userAgent: 'Slipway',
    allowPlainHttpHosts: config.bitbucketIsLoopback
      ? [config.bitbucketUrl, config.bitbucketApiUrl].map((url) => new URL(url).host)
      : [],
  });

  const grant = createConnectGrant({
    appKey: config.connectAppKey,
    siteUrl: config.bitbucketUrl,
    http,
    clock,
    findActiveInstallation: (workspaceUuid) =>
      findActiveConnectInstallation(workspaceUuid, { storage, vault }),
  });
  const tokens = createAppTokens({ sources: [grant], clock });
  const limiters = new Limiters(clock);
  const bitbucketWith = (patience: number): Bitbucket =>
    createBitbucket({
      siteUrl: config.bitbucketUrl,
      apiUrl: config.bitbucketApiUrl,
      http,
      tokens,
      clock,
      logger,
      limiters,
      patienceMs: patience,
      signal: stopping.signal,
      connect: grant,
    });
  const bitbucket = bitbucketWith(patienceMs);

  const backends = createBackends({
    dataDir: config.dataDir,
    publicHost: new URL(baseUrl).hostname,
    listenHost: config.host,
    allowPlainHttpGit: config.bitbucketIsLoopback,
    localBackend: config.localBackend,
    allowed: config.backends,
    notify: (targetId) => wakeLane(targetId),
    clock,
    logger,
  });
  const backend = (id: string): Backend | null => backends.find((known) => known.id === id) ?? null;

  const pageUrl = (token: string): string => `${baseUrl}/d/${token}`;
  const random = Math.random;
  const routing = {
    matches: matchesRefPattern,
    matchesPath: matchesPathPattern,
    backendFacts: (id: string) => {
      const found = backend(id);
      return found && { label: found.label, tags: found.capabilities.tags };
    },
  };
  const breakers = new Breakers();
  const laneDeps = {
    storage,
    bitbucket,
    vault,
    backend,
    breakers,
    routing,
    clock,
    ids,
    random,
    logger,
    pageUrl,
  };
  const reportDeps = { storage, bitbucket: bitbucketWith(reportPatienceMs), clock, random, logger };
  const reconcileDeps: ReconcileDeps = {
    ...{ ...laneDeps, ...routing, digest },
    waker: { wake: () => worker.wake() },
  };
  const worker: Worker = new Worker({
    storage,
    step: (lease) => stepLane(lease, laneDeps),
    background: [
      { name: 'build statuses', run: () => reportDueStatuses(reportDeps, statusesAtOnce) },
      { name: 'reconcile', run: () => reconcileDue(reconcileDeps, repositoriesAtOnce) },
    ],
    clock,
    logger,
    concurrency: lanesAtOnce,
  });

  function wakeLane(targetId: string): void {
    storage
      .write((tx) => tx.lanes.wake([targetId], clock()))
      .then(
        () => worker.wake(),
        // Losing a hint costs one poll.
        (error: unknown) => logger.warn({ target: targetId, err: error }, 'lane.wake_failed'),
      );
  }

  const connect = createConnectDoor({
    baseUrl,
    appKey: config.connectAppKey,
    bitbucketUrl: config.bitbucketUrl,
    storage,
    vault,
    clock,
    logger,
    lifecycle: {
      installed: (facts, proof) =>
        installApp(facts, proof, { storage, vault, bitbucket, clock, ids }),
      uninstalled: (clientKey) => removeApp(clientKey, { storage, clock }),
    },
    onInstallationChange: (workspaceUuid) => tokens.forget(workspaceUuid),
  });
  await connect.ready;

  const intake: IntakeDeps = {
    doors: [connect.events],
    accept: storage.batched(acceptEvents({ ...routing, clock, ids, digest })),
    noteUnreadable: noteUnreadable({ storage, ids, clock }),
    waker: worker,
    clock,
    logger,
  };

  return {
    config,
    baseUrl,
    logger,
    clock,
    connect,
    intake,
    panel: panelServices({ ...laneDeps, waker: worker }, backends),
    health: { database: () => storage.read.lanes.nextDue() },
    sessionKey: Buffer.from(hkdfSync('sha256', masterKey, '', 'slipway panel sessions', 32)),
    async start() {
      for (const each of backends) {
        const targets = await storage.read.targets.ofBackend(each.id);
        await each.start?.(targets.map((target) => openTarget(target, vault)));
      }
      worker.start();
    },
    stop: () => stopAll({ stopping, worker, backends, storage, http, logger }),
  };
}

function panelServices(
  deps: RequestDeps & Parameters<typeof removeTarget>[1] & { bitbucket: Bitbucket },
  backends: readonly Backend[],
): PanelServices {
  const { storage, bitbucket, logger } = deps;
  const changeDeps = { ...deps, patternProblem: refPatternProblem };
  const permission = cachedFor(
    permissionCacheMs,
    deps.clock,
    bitbucket.permission.bind(bitbucket),
    {
      key: (repository, userUuid) => `${repository.id} ${userUuid}`,
    },
  );
  return {
    read: storage.read,
    backends,
    logger,
    permission,
    openRepository: (workspaceUuid, uuid) => openRepository(workspaceUuid, uuid, deps),
    branches: (repository) => bitbucket.branches(repository, branchSuggestions).catch(() => []),
    saveTarget: (input) => saveTarget(input, changeDeps),
    removeTarget: (input) => removeTarget(input, deps),
    setAutomatic: (input) => setAutomatic(input, deps),
    deployNow: (input) => deployNow(input, deps),
    redeploy: (input) => redeploy(input, deps),
    cancel: (input) => cancelDeployment(input, deps),
    rollBack: (input) => rollBack(input, deps),
    buildLog: (deployment) => buildLog(deployment, deps),
  };
}

async function buildLog(
  deployment: Deployment,
  deps: Parameters<typeof removeTarget>[1],
): Promise<string | null> {
  const target = await deps.storage.read.targets.byId(deployment.targetId);
  const backend = target ? deps.backend(target.backend) : null;
  if (!target || !backend?.logs) return null;
  return backend.logs(
    {
      deploymentId: deployment.id,
      target: openTarget(target, deps.vault),
      backendRef: deployment.backendRef,
      commit: deployment.commit,
    },
    AbortSignal.timeout(patienceMs),
  );
}

async function stopAll(parts: {
  stopping: AbortController;
  worker: Worker;
  backends: readonly Backend[];
  storage: OpenStorage;
  http: OutboundHttp;
  logger: Logger;
}): Promise<void> {
  parts.stopping.abort();
  await parts.worker.stop();
  for (const backend of parts.backends) {
    await backend.stop?.().catch((error: unknown) => {
      parts.logger.error({ backend: backend.id, err: error }, 'backend.stop_failed');
    });
  }
  parts.http.close();
  await parts.storage.close();
}
