import { PanelVisitor, type PanelAnswer, type PanelRequest } from './panel-visitor.js';

/**
 * The panel in a page that Forge hosts. Opens that page as a browser does, and asks through its host as the page's script does
 * with `invokeRemote`.
 */
export async function openForgePanel(pageUrl: string, user: string): Promise<PanelVisitor> {
  const page = await fetch(`${pageUrl}?as=${encodeURIComponent(user)}`);
  const html = await page.text();
  const session = /data-session="([^"]+)"/.exec(html)?.[1];
  const frame = /<iframe[^>]* src="([^"]+)"/.exec(html)?.[1];
  if (!page.ok || session === undefined || frame === undefined) {
    throw new Error(`the hosted page answered ${page.status} and no frame`);
  }
  await loadFrame(frame);
  const { origin } = new URL(pageUrl);
  const panel = new PanelVisitor((request) => invoke(origin, session, request));
  await invoke(origin, session, { method: 'GET', path: 'page' }).then(({ ok, status }) => {
    if (!ok) throw new Error(`the panel answered ${status}`);
  });
  return panel;
}

/** The app's own files: one that is missing leaves the frame blank. */
async function loadFrame(address: string): Promise<void> {
  const html = await (await fetch(address)).text();
  const files = [...html.matchAll(/(?:src|href)="(\.\/[^"]+)"/g)].map(([, file]) => file ?? '');
  for (const file of [...files, './panel.js']) {
    const { ok, status } = await fetch(new URL(file, address));
    if (!ok) throw new Error(`the frame's ${file} answered ${status}`);
  }
}

interface Invoked {
  success: boolean;
  payload?: { status: number; body: { status: number; html: string } };
  error?: { message: string };
}

async function invoke(
  origin: string,
  session: string,
  request: PanelRequest,
): Promise<PanelAnswer> {
  const { fields, ...wish } = request;
  const body = { ...wish, ...(fields ? { fields: Object.entries(fields) } : {}) };
  const response = await fetch(`${origin}/_forge/invoke`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ session, path: '/forge/ui', method: 'POST', body }),
  });
  const { success, payload, error } = (await response.json()) as Invoked;
  if (!success || payload?.status !== 200) {
    throw new Error(`invokeRemote failed: ${error?.message ?? `status ${payload?.status}`}`);
  }
  const { status, html } = payload.body;
  const target = /data-target-card="([^"]+)"/.exec(html)?.[1] ?? '';
  return { ok: status === 200, status, html, target };
}
