import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openDashboardPanel } from './dashboard-visitor.js';
import { openForgePanel } from './forge-visitor.js';
import { PanelVisitor } from './panel-visitor.js';
import { demoForgeAppId, type Stage } from './stage.js';

/** How a workspace gets Slipway, and how its people open the panel then. */
export interface Door {
  /** Of the steps in which it is opened and closed again. */
  words: { install: string; uninstall: string };
  install(stage: Stage): Promise<void>;
  openPanel(stage: Stage): Promise<PanelVisitor>;
  /** The page with the panel in its frame. */
  settingsUrl(stage: Stage): Promise<string>;
  uninstall(stage: Stage): Promise<void>;
}

const asApp = { install: 'install the app in the workspace', uninstall: 'uninstall the app' };

const connect: Door = {
  words: asApp,
  install: ({ sandbox, server, workspace, user }) =>
    sandbox.install(workspace, user.nickname, `${server.url}/atlassian-connect.json`),
  openPanel: async ({ sandbox, workspace, repository, user }) =>
    PanelVisitor.open(await sandbox.panelUrl(workspace, repository, user.nickname)),
  settingsUrl: ({ sandbox, repository }) =>
    Promise.resolve(`${sandbox.url}/${repository}/admin/addon/admin/slipway/slipway-repository`),
  uninstall: ({ sandbox, workspace }) => sandbox.uninstall(workspace),
};

const settingsModule = 'slipway-repo-settings';

const forge: Door = {
  words: asApp,
  async install({ sandbox, server, workspace, user, folder }) {
    const out = join(folder, 'forge-app');
    const app = ['--app-id', demoForgeAppId, '--base-url', server.url];
    await runCli(['forge', 'configure', ...app, '--out', out]);
    await sandbox.installForge(workspace, user.nickname, out);
  },
  openPanel: async (stage) => openForgePanel(await forge.settingsUrl(stage), stage.user.nickname),
  async settingsUrl({ sandbox, workspace, repository }) {
    const path = await sandbox.forgePagePath(workspace, settingsModule);
    return `${sandbox.url}/${repository}/admin/${path}`;
  },
  uninstall: ({ sandbox, workspace }) => sandbox.uninstallForge(workspace),
};

const oauth: Door = {
  words: { install: 'sign in and enable the repository', uninstall: 'disable the repository' },
  async install(stage) {
    const { sandbox, server, workspace, consumer } = stage;
    await sandbox.makeConsumer(workspace, consumer, `${server.url}/oauth/callback`);
    await (await openDashboardPanel(stage)).hook('enable');
  },
  openPanel: openDashboardPanel,
  settingsUrl: ({ server }) => Promise.resolve(`${server.url}/`),
  uninstall: async (stage) => (await openDashboardPanel(stage)).hook('disable'),
};

const doors = { connect, forge, oauth } as const;

export type DoorName = keyof typeof doors;
export const doorNames = Object.keys(doors) as DoorName[];

export function isDoorName(name: string): name is DoorName {
  return Object.hasOwn(doors, name);
}

export function doorOf(name: DoorName): Door {
  return doors[name];
}

/** A command of Slipway's as an operator runs it. */
async function runCli(args: readonly string[]): Promise<void> {
  const cli = fileURLToPath(
    new URL(`../cli${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
  );
  await promisify(execFile)(process.execPath, [...process.execArgv, cli, ...args]);
}
