import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Verdict } from './judge.js';

/** A Slipway with one fault built in on purpose, to see whether the judge finds it. */
export interface Mutant {
  /** What the judge must have to say something about. */
  caughtAs: Exclude<keyof Verdict, 'figures'>;
  /** Below `dist/`. */
  file: string;
  /** Occurs there exactly once. */
  from: string;
  to: string;
}

export const mutants = {
  /** Answers before anything is stored: what is killed in between is gone. */
  lost: {
    caughtAs: 'lost',
    file: 'actions/take-pushes.js',
    from: 'accepted = await submit(event);',
    to: `setTimeout(() => submit(event).catch(() => undefined), 400);
         return { isNew: true, eventId: '', refChanges: 0, deployments: 0 };`,
  },
  /** Each try goes out under a key of its own, so that a backend cannot know it again. */
  double: {
    caughtAs: 'double',
    file: 'actions/trigger-deployment.js',
    from: `idempotencyKey: deployment.id,
        fencing: step.lease.fencing,
        repository`,
    to: `idempotencyKey: deployment.id + '-' + step.attempt.number,
        fencing: step.lease.fencing,
        repository`,
  },
  /** Every event is taken at its word, however old. */
  olderOverNewer: {
    caughtAs: 'olderOverNewer',
    file: 'core/routing/same-push.js',
    from: 'if (toldBefore)\n        return true;',
    to: 'return false;',
  },
} as const satisfies Record<string, Mutant>;

/**
 * Has the server's process load one file of `dist/` changed; what is installed stays as it is. Returns the environment that
 * does it. A text that is not there, or more than once, ends the process: a mutant that is none would prove nothing.
 */
export function mutated({ file, from, to }: Mutant, folder: string): Record<string, string> {
  const place = join(folder, 'mutant');
  mkdirSync(place, { recursive: true });
  const hooks = join(place, 'hooks.mjs');
  writeFileSync(
    hooks,
    `export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!url.endsWith(${JSON.stringify(`/dist/${file}`)})) return loaded;
  const parts = String(loaded.source).split(${JSON.stringify(from)});
  if (parts.length !== 2) throw new Error('The mutant fits ' + (parts.length - 1) + ' times');
  return { ...loaded, source: parts.join(${JSON.stringify(to)}) };
}
`,
  );
  const start = join(place, 'register.mjs');
  writeFileSync(
    start,
    `import { register } from 'node:module';
register(${JSON.stringify(pathToFileURL(hooks).href)});
`,
  );
  return { NODE_OPTIONS: `--import=${pathToFileURL(start).href}` };
}
