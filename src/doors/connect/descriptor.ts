import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The few parts of the descriptor that code looks at; everything else passes through (bitbucket-connect.md §2). */
const descriptorShape = z.looseObject({
  key: z.string().min(1),
  name: z.string().min(1),
  baseUrl: z.string().min(1),
  lifecycle: z.object({ installed: z.string(), uninstalled: z.string() }),
  scopes: z.array(z.string()),
  modules: z.looseObject({}),
});

export type ConnectDescriptor = z.infer<typeof descriptorShape>;

const subscribedEvents = ['repo:push', 'repo:updated', 'repo:transfer', 'repo:deleted'];

/** `atlassian-connect.json` at the top of the project, with base URL and app key filled in. Without webhooks. */
export function readDescriptor(values: { baseUrl: string; appKey: string }): ConnectDescriptor {
  const file = new URL('../../../atlassian-connect.json', import.meta.url);
  const template: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return descriptorShape.parse(
    filled(template, {
      '{{localBaseUrl}}': values.baseUrl.replace(/\/$/, ''),
      '{{appKey}}': values.appKey,
    }),
  );
}

/**
 * What Bitbucket is served. ACE must not see the webhooks: for each it would add a route that answers 204 before
 * anything is stored.
 */
export function withWebhooks(descriptor: ConnectDescriptor): ConnectDescriptor {
  const webhooks = subscribedEvents.map((event) => ({ event, url: '/connect/events' }));
  return { ...descriptor, modules: { ...descriptor.modules, webhooks } };
}

/** The app that takes over. Bitbucket shows its link beside the installed Connect app (bitbucket-connect.md §1). */
export interface ForgeTwin {
  appId: string;
  appLink: string | null;
}

export function withForgeTwin(
  descriptor: ConnectDescriptor,
  twin: ForgeTwin | null,
): ConnectDescriptor {
  if (twin === null) return descriptor;
  const forgeAppId = `ari:cloud:ecosystem::app/${twin.appId}`;
  return { ...descriptor, forgeAppId, ...(twin.appLink ? { forgeAppLink: twin.appLink } : {}) };
}

function filled(value: unknown, words: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') {
    return Object.entries(words).reduce((text, [word, by]) => text.replaceAll(word, by), value);
  }
  if (Array.isArray(value)) return value.map((entry) => filled(entry, words));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [name, filled(entry, words)]),
  );
}
