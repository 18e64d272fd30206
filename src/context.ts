import { createSecretKey, hkdfSync } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import type { Router } from 'express';
import { acceptEvents } from './actions/accept-events.js';
import { createForgetter } from './actions/forget-workspace.js';
import { installApp } from './actions/install-app.js';
import { noteUnreadable } from './actions/note-unreadable.js';
import { createPruner } from './actions/prune.js';
import { removeApp } from './actions/remove-app.js';
import { createOwnRemoval } from './actions/remove-own-targets.js';
import { createLanes } from './actions/step-lane.js';
import { createPushTaker } from './actions/take-pushes.js';
import type { Config, Secrets } from './config/config.js';
import type { Clock, Logger, Vault } from './core/ports.js';
import type { BackendApiDeps } from './doors/api/backend-api.js';
import { createConnectDoor, type ConnectDoor } from './doors/connect/connect-door.js';
import { controlCommands } from './doors/control-commands.js';
import { controlSocketName, openControlSocket } from './doors/control-socket.js';
import type { DashboardDeps } from './doors/dashboard/router.js';
import type { IntakeDeps } from './doors/intake.js';
import type { Health } from './doors/ops/health.js';
import { createMetrics, createMetricsRouter } from './doors/ops/metrics.js';
import type { PanelServices } from './doors/panel/panel-services.js';
import type { OwnKeys } from './doors/panel/session.js';
import { digest } from './lib/digest.js';
import { createGitFetch } from './lib/git-fetch.js';
import { createIds } from './lib/ids.js';
import type { TimedJob } from './queue/waker.js';
import { openStorage } from './storage/open-storage.js';
import type { OpenStorage } from './storage/storage.js';
import { diagnose } from './doctor/diagnose.js';
import type { KeyRing } from './vault/key-ring.js';
import { createVault } from './vault/vault.js';
import {
  createBitbucketClients,
  createBitbucketHttp,
  type BitbucketClients,
} from './wiring/bitbucket.js';
import { joinCluster, type Cluster } from './wiring/cluster.js';
import type { Company } from './wiring/cluster-member.js';
import { countEnds } from './wiring/count-ends.js';
import { goOnInTime } from './wiring/go-on-in-time.js';
import { createHookParts } from './wiring/hooks.js';
import { masterKeysFor, rotateMasterKey } from './wiring/master-keys.js';
import { createPeople, type People } from './wiring/people.js';
import { createNoticeParts } from './wiring/notices.js';
import { createForgeParts, type OpenForge } from './wiring/forge.js';
import { createPanelServices } from './wiring/panel-services.js';
import { createWorkspaceParts, type WorkspaceParts } from './wiring/workspace-parts.js';
import { createReceiverParts } from './wiring/receivers.js';
import { createVendorParts } from './wiring/vendors.js';
import { createWorkspaceCredentials } from './wiring/workspace-credentials.js';
import { createBackendList, startBackends, stopBackends } from './wiring/backends.js';
import type { Basics } from './wiring/basics.js';
import { createWorker, laneDeps, statusJob, type LaneWorker } from './wiring/lanes.js';

/** Every collaborator of a running Slipway, built once, by hand. */
export interface Context {
  config: Readonly<Config>;
  baseUrl: string;
  logger: Logger;
  clock: Clock;
  vault: Vault;
  connect: ConnectDoor;
  /** Null: no Forge app is configured. */
  forge: OpenForge | null;
  intake: IntakeDeps;
  api: BackendApiDeps;
  panel: PanelServices;
  /** Sign-in with Bitbucket, and who is signed in. */
  people: People;
  /** Our own pages: what they ask of Bitbucket and of the store. */
  dashboard: Pick<DashboardDeps, 'view' | 'storage'>;
  /** The workspace's page: what its parts need, and the parts. */
  workspace: WorkspaceParts;
  health: Health;
  /** `/metrics`, where a token is configured. */
  metrics: Router;
  /** Signs panel sessions; derived from the master keys, so a restart ends nobody's session. */
  sessionKeys: OwnKeys;
  start(): Promise<void>;
  /** In the reverse order of the start. */
  stop(): Promise<void>;
}

export async function createContext(
  config: Readonly<Config>,
  secrets: Secrets,
  baseUrl: string,
  logger: Logger,
): Promise<Context> {
  const clock = Date.now;
  const ids = createIds();
  const { databaseUrl } = secrets;
  const company: Company = { any: true };
  const opened = await openStorage({
    dataDir: config.dataDir,
    databaseUrl,
    // A node that is alone hears of its lanes without the database.
    rings: () => company.any || !config.roles.worker,
    newId: () => ids.next(),
    startIdsAfter: (id) => ids.startAfter(id),
    now: clock,
    logger,
  });
  let cluster: Cluster | null = null;
  try {
    const ring = masterKeysFor(config, secrets, await opened.sealedBy());
    const masterKeys = ring.ids();
    const outer = { config, baseUrl, logger, clock, ids };
    await goOnInTime(opened, ids, outer);
    const shared = { databaseUrl, storage: opened, masterKeys, company };
    cluster = await joinCluster({ ...outer, ...shared });
    return await buildContext({ ...outer, secrets, opened, ring, cluster });
  } catch (error) {
    // What stays open would keep the process, which has nothing more to do.
    await cluster?.stop();
    await opened.close();
    throw error;
  }
}

async function buildContext({
  secrets,
  opened,
  ring,
  cluster,
  ...outer
}: Omit<Basics, 'random' | 'storage' | 'vault'> & {
  secrets: Secrets;
  opened: OpenStorage;
  ring: KeyRing;
  cluster: Cluster;
}): Promise<Context> {
  const { config, baseUrl, logger, clock, ids } = outer;
  const metrics = createMetrics(() => ({
    workload: () => opened.read.care.workload(clock()),
    breakers: () => lanes.breakers.counts(clock()),
    budgets: () => bitbucket.limiters.budgets(),
  }));
  const storage = countEnds(opened, metrics.measures);
  const vault = createVault(ring);
  const basics: Basics = { ...outer, random: Math.random, storage, vault };
  const stopping = new AbortController();
  // One listener for each call under way; that many are no leak.
  setMaxListeners(0, stopping.signal);
  const http = createBitbucketHttp(config);
  const outward = {
    ...basics,
    http,
    signal: stopping.signal,
    waker: { wake: () => worker.wake() },
  };
  const people = createPeople({ ...outward, secrets });
  const bitbucket = createBitbucketClients({ ...outward, people });
  const credentials = createWorkspaceCredentials({
    ...outward,
    onChange: (workspaceUuid) => bitbucket.tokens.forget(workspaceUuid),
  });
  const [tokenKey, ...olderTokenKeys] = ownKeys(ring, 'slipway clone tokens');
  const receivers = createReceiverParts({
    ...{ ...basics, bitbucket: bitbucket.prompt },
    tokenKeys: [createSecretKey(tokenKey), ...olderTokenKeys.map((key) => createSecretKey(key))],
  });
  const vendors = createVendorParts(config);
  const backends = createBackendList(
    basics,
    { ...receivers.options, ...vendors.options },
    () => worker,
  );
  const lanes = {
    ...laneDeps(basics, bitbucket, backends, () => worker.wakeJob(statusJob)),
    node: cluster.node,
  };
  const hooks = createHookParts({ ...basics, bitbucket });
  const notices = createNoticeParts({ ...basics, secrets, http: receivers.http });
  const forge = createForgeParts({ ...outward, bitbucket });
  const stepping = createLanes(lanes);
  // Over the whole store, once for all nodes; what takes rows by a claim may run on each.
  const timed: TimedJob[] = [
    createPruner({ ...basics, signal: stopping.signal }),
    createForgetter({ ...lanes, signal: stopping.signal }),
    people.watch,
    ...(forge.silence ? [forge.silence] : []),
  ];
  const { waker: laneWaker, background } = cluster.wakerFor(timed);
  const worker: LaneWorker = createWorker(basics, { ...lanes, stepping }, bitbucket, [
    ...[forge.names, credentials.check, notices.teller, hooks.job],
    ...background,
    ...(cluster.node === null ? [] : [createOwnRemoval(cluster.node, lanes)]),
  ]);
  const connect = await openConnectDoor(basics, bitbucket);
  const control = await openControlSocket({
    path: join(config.dataDir, controlSocketName),
    commands: controlCommands(
      { ...basics, waker: worker },
      () =>
        diagnose({
          ...{ config, dataDir: config.dataDir, baseUrl, clock },
          databaseUrl: secrets.databaseUrl,
          masterKeys: ring.ids(),
        }),
      (keys) => rotateMasterKey(keys, { ...basics, secrets, vault, ring }),
    ),
    logger,
  });
  return {
    config,
    baseUrl,
    logger,
    clock,
    vault,
    connect,
    forge: forge.door,
    intake: {
      doors: [connect.events, hooks.door, ...(forge.door?.events ?? [])],
      accept: createPushTaker({
        accept: acceptEvents({ ...lanes.routing, clock, ids, digest }),
        ...{ storage, lanes: stepping, hands: worker },
      }),
      noteUnreadable: noteUnreadable(basics),
      measures: metrics.measures,
      clock,
      logger,
    },
    api: { ...receivers.api, waker: worker, logger },
    workspace: createWorkspaceParts(
      {
        ...lanes,
        hooks,
        bitbucket: bitbucket.prompt,
        waker: worker,
        sender: notices.sender,
        credentials,
      },
      backends,
    ),
    panel: createPanelServices(
      {
        ...lanes,
        hooks,
        bitbucket: bitbucket.prompt,
        waker: worker,
        tryFetch: createGitFetch({ allowPlainHttp: config.bitbucketIsLoopback }),
      },
      backends,
    ),
    people,
    dashboard: { view: bitbucket.personView, storage },
    metrics: createMetricsRouter(metrics, secrets.metricsToken),
    health: { database: () => storage.read.lanes.nextDue() },
    sessionKeys: ownKeys(ring, 'slipway panel sessions'),
    async start() {
      cluster.start(bitbucket.limiters);
      // Pushes that this node takes are the workers' to deploy: they are woken, or find them with their sweep.
      if (!config.roles.worker) return;
      await startBackends(basics, backends, cluster.node);
      worker.start();
      await laneWaker.start(worker);
    },
    async stop() {
      stopping.abort();
      await control.close();
      await laneWaker.stop();
      const hangUp = (): void => {
        receivers.http.close();
        vendors.http.close();
        notices.close();
      };
      await hurried(worker.stop(), hangUp);
      await stopBackends(basics, backends);
      http.close();
      hangUp();
      forge.close();
      await cluster.stop();
      await storage.close();
    },
  };
}

/** What others have not answered by then is given up: a deployment so sent is looked up after the next start. */
const patienceAtStopMs = 3_000;

/** Waits for what is under way; whoever keeps it waiting for long is hung up on. */
async function hurried(ended: Promise<void>, hangUp: () => void): Promise<void> {
  const since = performance.now();
  // Again and again: what is hung up on may call somebody else.
  const timer = setInterval(() => {
    if (performance.now() - since > patienceAtStopMs) hangUp();
  }, 500);
  await ended.finally(() => clearInterval(timer));
}

/** Keys for one purpose, newest first: what one of them gives away opens nothing else. */
function ownKeys(ring: KeyRing, purpose: string): OwnKeys {
  const of = (key: Buffer): Buffer => Buffer.from(hkdfSync('sha256', key, '', purpose, 32));
  const others = ring.ids().filter((id) => id !== ring.current.id);
  const older = others.map((id) => ring.byId(id)).filter((key) => key !== undefined);
  return [of(ring.current.key), ...older.map(({ key }) => of(key))];
}

async function openConnectDoor(basics: Basics, bitbucket: BitbucketClients): Promise<ConnectDoor> {
  const { config } = basics;
  const connect = createConnectDoor({
    ...basics,
    appKey: config.connectAppKey,
    forge: config.forge,
    bitbucketUrl: config.bitbucketUrl,
    lifecycle: {
      installed: (facts, proof) =>
        installApp(facts, proof, { ...basics, bitbucket: bitbucket.prompt }),
      uninstalled: (clientKey) => removeApp(clientKey, basics),
    },
    onInstallationChange: (workspaceUuid) => bitbucket.tokens.forget(workspaceUuid),
  });
  await connect.ready;
  return connect;
}
