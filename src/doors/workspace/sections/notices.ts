import { InputError } from '../../../core/errors.js';
import type { ChannelKind, Notice, NoticeChannel } from '../../../core/model/index.js';
import type { Reader } from '../../../core/ports.js';
import { textOf, type FormFields } from '../../panel/form-fields.js';
import type { IconName } from '../../panel/icons.js';
import { emptyField, type FieldView } from '../../panel/view/settings-fields.js';
import { timeView, type TimeView } from '../../panel/view/time.js';
import type { SectionDone, WorkspaceContext, WorkspaceSection } from '../section.js';

export interface NoticesDeps {
  read: Reader;
  channels: ChannelServices;
}

/** Fulfilled by `actions/`. */
export interface ChannelServices {
  /** What this server can send. */
  readonly kinds: readonly ChannelKind[];
  /** Sends a message first. Throws `InputError` with `fields`. */
  add(input: {
    workspaceUuid: string;
    kind: ChannelKind;
    name: string;
    address: string;
    by: { name: string };
  }): Promise<NoticeChannel>;
  remove(input: { workspaceUuid: string; channelId: string; by: { name: string } }): Promise<void>;
}

/** What was wrong with a form that is drawn again; as long as the request lives. */
const problemsOf = new WeakMap<FormFields, Readonly<Record<string, string>>>();

/** What the workspace should know, and where else it is told. */
export function noticesSection(deps: NoticesDeps): WorkspaceSection {
  return {
    key: 'notices',
    title: 'Notices',
    help: 'What needs somebody. A chat or mail address hears once when something begins, and once when it is over; never at every push.',
    adminOnly: true,
    load: (context, fields) => load(deps, context, fields),
    actions: {
      add: (context, fields) => add(deps, context, fields),
      remove: (context, fields) => remove(deps, context, fields),
    },
  };
}

interface NoticeRow {
  says: string;
  advice: string;
  icon: IconName;
  level: string;
  at: TimeView;
  href: string | null;
}

interface ChannelRow {
  id: string;
  name: string;
  kind: string;
  error: string | null;
  sent: TimeView | null;
  createdBy: string;
}

async function load(
  { read, channels }: NoticesDeps,
  context: WorkspaceContext,
  fields: FormFields,
): Promise<object> {
  const { uuid: workspaceUuid } = context.workspace;
  const [open, all] = await Promise.all([
    read.notices.open({ workspaceUuid }),
    read.noticeChannels.ofWorkspace(workspaceUuid),
  ]);
  return {
    notices: open.map((notice) => noticeRow(notice, context)),
    channels: all.map((channel) => channelRow(channel, context.now)),
    forms: channels.kinds.map((kind) => formOf(kind, fields)),
  };
}

function noticeRow(
  { says, advice, level, createdAt, path }: Notice,
  { now, places }: WorkspaceContext,
): NoticeRow {
  return {
    says,
    advice,
    level: level === 'danger' ? 'error' : level,
    icon: level === 'danger' ? 'error' : level,
    at: timeView(createdAt, now),
    href: path === null ? null : `${places.baseUrl}${path}`,
  };
}

const kindWords: Record<ChannelKind, string> = { chat: 'Chat', email: 'Mail' };

function channelRow(
  { id, name, kind, lastError, lastSentAt, createdBy }: NoticeChannel,
  now: number,
): ChannelRow {
  const sent = lastSentAt === null ? null : timeView(lastSentAt, now);
  return { id, name, kind: kindWords[kind], error: lastError, sent, createdBy };
}

interface ChannelForm {
  kind: ChannelKind;
  title: string;
  isOpen: boolean;
  fields: FieldView[];
  problem: string | null;
}

function formOf(kind: ChannelKind, fields: FormFields): ChannelForm {
  const isTyped = textOf(fields, 'kind') === kind;
  const problems = isTyped ? (problemsOf.get(fields) ?? {}) : {};
  const text = (name: string): string => (isTyped ? textOf(fields, name) : '');
  const base = { ...emptyField, required: true };
  const address: FieldView =
    kind === 'email'
      ? {
          ...base,
          ...{ name: 'address', id: 'channel-email', label: 'Mail address', maxLength: 254 },
          value: text('address'),
          error: problems['address'] ?? null,
        }
      : {
          ...base,
          ...{ name: 'address', id: 'channel-chat', label: 'Address of an incoming webhook' },
          kind: 'password',
          secret: true,
          help: 'Slack, Mattermost, Rocket.Chat, or Discord with /slack at its end.',
          error: problems['address'] ?? null,
        };
  const name: FieldView = {
    ...base,
    ...{ name: 'name', id: 'channel-name', label: 'Name', maxLength: 80 },
    help: 'So that you know it again: the channel’s name.',
    value: text('name'),
    error: problems['name'] ?? null,
  };
  return {
    kind,
    title: kind === 'chat' ? 'Tell a chat' : 'Tell a mail address',
    isOpen: isTyped && Object.keys(problems).length > 0,
    fields: kind === 'chat' ? [name, address] : [address],
    problem: problems['kind'] ?? null,
  };
}

async function add(
  { channels }: NoticesDeps,
  { workspace, by }: WorkspaceContext,
  fields: FormFields,
): Promise<SectionDone> {
  const kind = textOf(fields, 'kind') === 'email' ? 'email' : 'chat';
  try {
    const added = await channels.add({
      workspaceUuid: workspace.uuid,
      kind,
      name: textOf(fields, 'name'),
      address: textOf(fields, 'address'),
      by,
    });
    return { says: `${added.name} got a first message and will be told from now on.` };
  } catch (error) {
    if (error instanceof InputError) problemsOf.set(fields, error.fields);
    throw error;
  }
}

async function remove(
  { channels }: NoticesDeps,
  { workspace, by }: WorkspaceContext,
  fields: FormFields,
): Promise<SectionDone> {
  const channelId = textOf(fields, 'id');
  await channels.remove({ workspaceUuid: workspace.uuid, channelId, by });
  return { says: 'Nothing is sent there any more, and its address was deleted.' };
}
