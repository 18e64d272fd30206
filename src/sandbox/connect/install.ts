import { generateKeyPairSync } from 'node:crypto';

import { send } from '../http/outbound.js';
import { newSecret, newUuid } from '../ids.js';
import { isObject, textOf, type JsonObject } from '../json.js';
import { fullUserShape, ownerShape, userShape } from '../shapes/accounts.js';
import { hrefs } from '../shapes/links.js';
import type { Installation, User, Workspace } from '../state/model.js';
import { webhookModules } from '../events/subscribers.js';
import type { World } from '../world.js';
import { descriptorProblems, requestedScopes } from './descriptor.js';
import { appUrl, bitbucketJwt } from './sign-request.js';

/** Why an installation did not happen; shown to the caller of the control API. */
export class InstallError extends Error {
  override name = 'InstallError';
  readonly details: JsonObject;

  constructor(message: string, details: JsonObject = {}) {
    super(message);
    this.details = details;
  }
}

export interface CallbackResult {
  status: number | null;
  body: string;
  signed: boolean;
}

const callbackTimeoutMs = 10_000;

export async function fetchDescriptor(url: string): Promise<JsonObject> {
  const headers = { Accept: 'application/json' };
  const answer = await send({ method: 'GET', url, headers, timeoutMs: callbackTimeoutMs }).catch(
    (error: unknown) => {
      throw new InstallError(`the descriptor could not be read: ${String(error)}`);
    },
  );
  if (answer.status !== 200) {
    const details = { status: answer.status, body: answer.body.slice(0, 2_000) };
    throw new InstallError(`the descriptor answered ${answer.status}`, details);
  }
  let descriptor: unknown;
  try {
    descriptor = JSON.parse(answer.body);
  } catch {
    throw new InstallError('the descriptor is not JSON');
  }
  if (!isObject(descriptor)) throw new InstallError('the descriptor is not an object');
  const problems = descriptorProblems(descriptor);
  if (problems.length > 0) {
    throw new InstallError(`the descriptor is not valid: ${problems.join('; ')}`, { problems });
  }
  return descriptor;
}

/**
 * First install, reinstall, and install after an uninstall. Only the very first callback is
 * unsigned; the others are signed with the secret of the callback before (§3.4).
 */
export async function install(
  world: World,
  workspace: Workspace,
  user: User,
  descriptorUrl: string,
): Promise<{ installation: Installation; callback: CallbackResult }> {
  const descriptor = await fetchDescriptor(descriptorUrl);
  const appKey = textOf(descriptor['key']);
  const known = world.state.installationOf(workspace, appKey);
  const previous = known ? { ...known } : null;
  const installation: Installation = {
    ...(previous ?? blankInstallation(world, workspace, appKey)),
    user_uuid: user.uuid,
    descriptor_url: descriptorUrl,
    descriptor,
    scopes: requestedScopes(descriptor),
    hook_uuids: webhookModules(descriptor).map((_, i) => previous?.hook_uuids[i] ?? newUuid()),
    pending_secret: world.state.settings.rotate_secret || !previous ? newSecret() : previous.secret,
  };
  // Live before the callback is sent: apps exchange it inside their handler (§3.5).
  world.state.putInstallation(installation);
  let callback: CallbackResult;
  try {
    callback = await callApp(world, installation, 'installed', previous?.secret ?? null);
  } catch (error) {
    if (previous) world.state.putInstallation(previous);
    else world.state.removeInstallation(installation.client_key);
    throw error;
  }
  installation.secret = installation.pending_secret ?? installation.secret;
  installation.pending_secret = null;
  installation.active = true;
  installation.installed_on = world.clock.timestamp();
  world.state.changed();
  world.log(`${appKey} installed in ${workspace.slug} by ${user.nickname}`);
  return { installation, callback };
}

function blankInstallation(world: World, workspace: Workspace, appKey: string): Installation {
  const ari = `ari:cloud:bitbucket::app/${workspace.uuid}/${appKey}`;
  const registered = world.state.settings.client_key_format === 'ari';
  return {
    client_key: registered ? ari : `connection:${world.state.installations.length + 1000}`,
    app_key: appKey,
    workspace_uuid: workspace.uuid,
    user_uuid: '',
    app_user_uuid: newUuid(),
    secret: '',
    pending_secret: null,
    active: false,
    descriptor_url: '',
    descriptor: {},
    scopes: [],
    hook_uuids: [],
    installed_on: world.clock.timestamp(),
  };
}

/** Signed; the installation stays as a tombstone whatever the app answers. */
export async function uninstall(world: World, installation: Installation): Promise<CallbackResult> {
  let callback: CallbackResult;
  try {
    callback = await callApp(world, installation, 'uninstalled', installation.secret);
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    const { status, body } = error.details;
    callback = {
      status: typeof status === 'number' ? status : null,
      body: typeof body === 'string' ? body : error.message,
      signed: true,
    };
  }
  installation.active = false;
  world.state.revokeTokens(
    ({ owner }) => owner.kind === 'installation' && owner.client_key === installation.client_key,
  );
  world.log(`${installation.app_key} uninstalled`);
  return callback;
}

async function callApp(
  world: World,
  installation: Installation,
  event: 'installed' | 'uninstalled',
  signingSecret: string | null,
): Promise<CallbackResult> {
  const lifecycle = installation.descriptor['lifecycle'];
  const path = isObject(lifecycle) ? lifecycle[event] : undefined;
  if (typeof path !== 'string') return { status: null, body: '', signed: false };
  const url = appUrl(installation, path);
  const headers: Record<string, string> = { 'Content-Type': 'application/json' };
  if (signingSecret !== null) {
    const jwt = bitbucketJwt(world, installation, { method: 'POST', url, secret: signingSecret });
    headers['Authorization'] = `JWT ${jwt}`;
  }
  const body = JSON.stringify(lifecycleBody(world, installation, event));
  const answer = await send({
    method: 'POST',
    url,
    headers,
    body,
    timeoutMs: callbackTimeoutMs,
  }).catch((error: unknown) => {
    throw new InstallError(`the ${event} callback got no answer: ${String(error)}`);
  });
  const result = { status: answer.status, body: answer.body.slice(0, 2_000) };
  if (answer.status < 200 || answer.status > 299) {
    throw new InstallError(`the ${event} callback answered ${answer.status}`, result);
  }
  return { ...result, signed: signingSecret !== null };
}

/** The body of §3.2. Bitbucket's public key is part of it; no public app uses it. */
function lifecycleBody(
  world: World,
  installation: Installation,
  event: 'installed' | 'uninstalled',
): JsonObject {
  const { links, state } = world;
  const workspace = state.workspace(installation.workspace_uuid);
  const user = state.user(installation.user_uuid);
  if (!workspace || !user) throw new Error('an installation lost its workspace or user');
  const body: JsonObject = {
    key: installation.app_key,
    productType: 'bitbucket',
    eventType: event,
    clientKey: installation.client_key,
    publicKey: publicKey(),
    baseUrl: links.origin,
    baseApiUrl: links.origin,
    principal: {
      ...ownerShape(links, workspace),
      created_on: workspace.created_on,
      links: hrefs({
        self: links.api(`/workspaces/${encodeURIComponent(workspace.uuid)}`),
        html: links.html(`/${workspace.slug}/`),
        avatar: links.avatar(workspace.name),
      }),
    },
    user: { ...fullUserShape(links, user), links: userShape(links, user)['links'] ?? null },
  };
  if (event === 'installed') body['sharedSecret'] = installation.pending_secret;
  return body;
}

let cachedPublicKey: string | undefined;

function publicKey(): string {
  cachedPublicKey ??= generateKeyPairSync('rsa', { modulusLength: 1024 })
    .publicKey.export({ type: 'spki', format: 'der' })
    .toString('base64');
  return cachedPublicKey;
}
