import { errorHelps } from '../../src/doors/pages/error-help.js';

/** Pages of `docs/` that are made of the code, by their path from the root. `npm run docs` writes them; a test compares. */
export const generatedPages: Readonly<Record<string, () => string>> = {
  'docs/errors.md': errorsPage,
};

function errorsPage(): string {
  const entries = errorHelps().map(({ code, says, why, advice }) =>
    [`## ${code}`, `**${says}.**`, ...(why === null ? [] : [why]), `What to do: ${advice}`].join(
      '\n\n',
    ),
  );
  const intro =
    'Every error that Slipway shows, by its code. Made of the catalogue in `src/core/errors.ts` by `npm run docs`; ' +
    'a running Slipway shows the same at `/public/errors`.';
  return ['# Errors', intro, ...entries].join('\n\n').concat('\n');
}
