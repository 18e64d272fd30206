import type * as App from '../../src/app.js';
import type * as Config from '../../src/config/config.js';
import type * as ContextModule from '../../src/context.js';
import type * as Env from '../../src/config/env.js';
import type * as LoggerModule from '../../src/lib/logger.js';

/** A compiled file: what is shipped, with the types of its source. */
const load = (file: string): Promise<unknown> =>
  import(new URL(`../../dist/${file}`, import.meta.url).href);

export async function loadDist() {
  return {
    ...((await load('app.js')) as typeof App),
    ...((await load('config/config.js')) as typeof Config),
    ...((await load('config/env.js')) as typeof Env),
    ...((await load('context.js')) as typeof ContextModule),
    ...((await load('lib/logger.js')) as typeof LoggerModule),
  };
}
