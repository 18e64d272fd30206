import { InputError } from '../core/errors.js';
import type { ChannelKind, NoticeChannel } from '../core/model/index.js';
import type { NoticeSender } from '../core/notices.js';
import type { Clock, Ids, Storage, Vault } from '../core/ports.js';
import { noteChange } from './audit.js';

export interface ChannelDeps {
  storage: Storage;
  vault: Vault;
  sender: NoticeSender;
  clock: Clock;
  ids: Ids;
}

export function channelIdentity(id: string): string {
  return `notice_channels:${id}:address`;
}

const mostOfWorkspace = 20;

/** Sends a message first: an address that does not work is not stored. Throws `InputError('channel_invalid')` with `fields`. */
export async function addChannel(
  input: {
    workspaceUuid: string;
    kind: ChannelKind;
    name: string;
    address: string;
    by: { name: string };
  },
  deps: ChannelDeps,
): Promise<NoticeChannel> {
  const { workspaceUuid, kind } = input;
  const address = input.address.trim();
  const name = kind === 'email' ? address : input.name.trim();
  const fields = problems(kind, name, address, deps.sender.kinds);
  if (Object.keys(fields).length > 0) throw new InputError('channel_invalid', undefined, fields);
  const others = await deps.storage.read.noticeChannels.ofWorkspace(workspaceUuid);
  if (others.length >= mostOfWorkspace) {
    throw new InputError('channel_invalid', `a workspace has at most ${mostOfWorkspace}`);
  }
  const answer = await deps.sender.send({
    kind,
    address,
    title: 'Slipway will tell you here',
    text: `${input.by.name} chose this place for news of deployments: when they begin to fail, when they work again, and when something must be connected anew.`,
    url: null,
    level: 'info',
  });
  if (!answer.ok) throw new InputError('channel_invalid', undefined, { address: answer.error });
  const id = deps.ids.next();
  const now = deps.clock();
  const channel: NoticeChannel = {
    ...{ id, workspaceUuid, kind, name },
    addressSealed: deps.vault.seal(address, channelIdentity(id)),
    lastError: null,
    lastSentAt: now,
    createdBy: input.by.name,
    createdAt: now,
  };
  await deps.storage.write(async (tx) => {
    await tx.noticeChannels.insert(channel);
    const says = `lets Slipway send notices to ${name}`;
    await noteChange(tx, { workspaceUuid, repositoryId: null, by: input.by, says }, deps);
  });
  return channel;
}

/** Of this workspace only; does nothing when it is gone already. */
export async function removeChannel(
  input: { workspaceUuid: string; channelId: string; by: { name: string } },
  deps: Pick<ChannelDeps, 'storage' | 'clock' | 'ids'>,
): Promise<void> {
  const { workspaceUuid, by } = input;
  await deps.storage.write(async (tx) => {
    const channel = await tx.noticeChannels.byId(input.channelId);
    if (channel?.workspaceUuid !== workspaceUuid) return;
    await tx.noticeChannels.remove(channel.id);
    const says = `stopped notices to ${channel.name}`;
    await noteChange(tx, { workspaceUuid, repositoryId: null, by, says }, deps);
  });
}

function problems(
  kind: ChannelKind,
  name: string,
  address: string,
  kinds: readonly ChannelKind[],
): Record<string, string> {
  if (!kinds.includes(kind)) {
    return {
      kind: 'This server cannot send that; whoever runs Slipway sets up mail (SLIPWAY_SMTP_URL).',
    };
  }
  if (kind === 'email') {
    return /^[^\s@<>(),;:"\\]{1,64}@[^\s@<>(),;:"\\]{1,190}$/.test(address)
      ? {}
      : { address: 'Write one e-mail address, like team@example.com.' };
  }
  return {
    ...(name === '' || name.length > 80
      ? { name: 'Give it a name of at most 80 characters.' }
      : {}),
    ...(URL.canParse(address) && address.startsWith('http')
      ? {}
      : { address: 'Paste the address of an incoming webhook; it begins with https://.' }),
  };
}
