import { errorCatalogue } from '../../core/errors.js';

/** Where the page of `error-help.ts` is. */
export const errorHelpPath = '/public/errors';

/** @returns the address of what is to be said about a code; null for one that is not in the catalogue */
export function errorHelpFrom(baseUrl: string): (code: unknown) => string | null {
  return (code) =>
    typeof code === 'string' && Object.hasOwn(errorCatalogue, code)
      ? `${baseUrl.replace(/\/+$/, '')}${errorHelpPath}#${code}`
      : null;
}
