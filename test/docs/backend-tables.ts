import { format, resolveConfig } from 'prettier';
import type { z } from 'zod';
import { createBackends } from '../../src/backends/registry.js';
import type { Backend } from '../../src/core/backend.js';
import { describeSettings } from '../../src/doors/panel/view/settings-fields.js';

/** Every backend, as an operator gets them all. Nothing is called. */
export function everyBackend(): Backend[] {
  const never = () => {
    throw new Error('the documentation calls nobody');
  };
  return createBackends({
    ...{ dataDir: '/nowhere', publicHost: 'localhost', listenHost: '127.0.0.1' },
    ...{ allowPlainHttpGit: false, localBackend: true, allowed: null },
    http: { send: never, close: never },
    vendorHttp: { send: never, close: never },
    vendorUrls: { digitalocean: 'https://api.digitalocean.com' },
    baseUrl: 'https://slipway.example',
    reports: { latest: never, note: never },
    ...{ offerCredential: never, newId: never, notify: never, clock: Date.now },
    logger: { debug: never, info: never, warn: never, error: never, child: never },
  });
}

/** A Markdown table of the fields a form asks for. */
export function settingsTable(schema: z.ZodObject): string {
  const rows = describeSettings(schema).map(({ meta, required, defaultValue }) => {
    const notes = [
      required ? 'needed' : null,
      meta.secret ? 'secret' : null,
      meta.advanced ? 'more settings' : null,
    ].filter((note) => note !== null);
    const label = notes.length === 0 ? meta.label : `${meta.label} (${notes.join(', ')})`;
    const standard =
      typeof defaultValue === 'string' || typeof defaultValue === 'number'
        ? ` Default: \`${defaultValue}\`.`
        : '';
    return `| ${label} | ${meta.help ?? ''}${standard} |`.replaceAll('<', '\\<');
  });
  return ['| setting | meaning |', '| --- | --- |', ...rows].join('\n');
}

/** As prettier leaves it, so that the check of formats and this one never disagree. */
export async function madePage(file: string, page: string, backend: Backend): Promise<string> {
  const options = await resolveConfig(file);
  return format(withTables(page, backend), { ...options, parser: 'markdown' });
}

/** The page with what stands between its marks made anew: `<!-- settings -->` … `<!-- /settings -->`, and `connection`. */
function withTables(page: string, backend: Backend): string {
  const tables = {
    settings: settingsTable(backend.settings),
    ...(backend.account ? { connection: settingsTable(backend.account.settings) } : {}),
  };
  let made = page;
  for (const [name, table] of Object.entries(tables)) {
    const between = new RegExp(`<!-- ${name} -->[\\s\\S]*?<!-- /${name} -->`);
    made = made.replace(between, () => `<!-- ${name} -->\n\n${table}\n\n<!-- /${name} -->`);
  }
  return made;
}
