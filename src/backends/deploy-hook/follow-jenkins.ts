import { z } from 'zod';
import type { Observation, ObservedState } from '../../core/backend.js';
import { OutboundError } from '../../lib/outbound-http.js';
import type { DeployHookOptions } from './call-hook.js';
import type { DeployHookSettings } from './settings.js';

const queueItem = z.looseObject({
  cancelled: z.boolean().optional().catch(undefined),
  executable: z
    .looseObject({ url: z.string().optional().catch(undefined) })
    .nullish()
    .catch(null),
});
const build = z.looseObject({
  building: z.boolean().optional().catch(undefined),
  result: z.string().nullish().catch(null),
});

const ends: Readonly<Record<string, { state: ObservedState; reason?: string }>> = {
  SUCCESS: { state: 'live' },
  UNSTABLE: { state: 'live' },
  FAILURE: { state: 'failed', reason: 'The build failed at Jenkins.' },
  ABORTED: { state: 'stopped', reason: 'The build was aborted at Jenkins.' },
  NOT_BUILT: { state: 'stopped', reason: 'Jenkins did not build it.' },
};

/** Something it takes for granted: `queue/item/12/`, relative to Jenkins' own address. */
export function isQueueItem(ref: string): boolean {
  return /(?:^|\/)queue\/item\/\d+\/?$/.test(ref);
}

/**
 * From the queue item to the end of its build (reference/deploy-backends.md §2.14). The build's address comes from Jenkins, so
 * only its path is used: the token goes to no other host.
 */
export async function followJenkins(
  ref: string,
  settings: DeployHookSettings,
  options: DeployHookOptions,
  signal: AbortSignal,
): Promise<Observation> {
  const root = new URL(settings.url.href.replace(/generic-webhook-trigger\/.*$/, ''));
  const item = await read(
    new URL(`${tail(ref)}api/json`, root),
    queueItem,
    settings,
    options,
    signal,
  );
  if (item.kind !== 'read') return item.observation;
  if (item.value.cancelled === true) {
    return { state: 'stopped', reason: 'Taken out of the queue at Jenkins.' };
  }
  const address = item.value.executable?.url;
  if (address === undefined || !URL.canParse(address, root.href)) return { state: 'queued' };
  const path = new URL(address, root).pathname.replace(/\/?$/, '/');
  const seen = await read(new URL(`${path}api/json`, root), build, settings, options, signal);
  if (seen.kind !== 'read') return seen.observation;
  const end = seen.value.building === true ? undefined : ends[seen.value.result ?? ''];
  return end ?? { state: 'building', progress: { step: 'Building at Jenkins' } };
}

function tail(ref: string): string {
  return `${/queue\/item\/\d+/.exec(ref)?.[0] ?? ''}/`;
}

type Read<Value> = { kind: 'read'; value: Value } | { kind: 'not'; observation: Observation };

async function read<Shape extends z.ZodType>(
  url: URL,
  shape: Shape,
  { jenkins }: DeployHookSettings,
  { http }: DeployHookOptions,
  signal: AbortSignal,
): Promise<Read<z.infer<Shape>>> {
  const pair = `${jenkins?.user ?? ''}:${jenkins?.token ?? ''}`;
  const Authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
  const not = (observation: Observation): Read<never> => ({ kind: 'not', observation });
  try {
    const { status, text } = await http.send({
      method: 'GET',
      url: url.href,
      headers: { Accept: 'application/json', Authorization },
      signal,
    });
    // Queue items vanish some minutes after their build began, and nothing leads from there to the build.
    if (status === 404) {
      const reason = 'Jenkins no longer says what became of it; look there.';
      return not({ state: 'handed_off', reason });
    }
    if (status === 401 || status === 403) {
      const reason = `Handed to Jenkins, which does not let us look (${status}): check the user and the API token.`;
      return not({ state: 'handed_off', reason });
    }
    const parsed = status < 300 ? shape.safeParse(JSON.parse(text)) : null;
    if (parsed?.success) return { kind: 'read', value: parsed.data };
  } catch (error) {
    if (!(error instanceof OutboundError) && !(error instanceof SyntaxError)) throw error;
  }
  return not({ state: 'unchanged' });
}
