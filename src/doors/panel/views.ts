import path from 'node:path';
import type { Express, Response } from 'express';
import { engine } from 'express-handlebars';
import { createAssetVersions } from './asset-version.js';
import { errorHelpFrom } from '../pages/error-address.js';
import { icon } from './icons.js';

export const viewExtension = 'hbs';

type ViewEngine = Parameters<Express['engine']>[1];

/**
 * Handlebars as an Express view engine. `viewsDir` is the project's `views/`, the same from `src` and from `dist`:
 *
 *     app.engine(viewExtension, createViewEngine(viewsDir));
 *     app.set('views', viewsDir);
 *     app.set('view engine', viewExtension);
 *
 * `public/` stands beside it; `{{assetVersion 'panel.css'}}` in a template is the version of a file there.
 *
 * `{{#with (errorHelp code)}}{{this}}{{/with}}` is the address of what is to be said about an error, for codes of the catalogue.
 *
 * Compiled templates are kept unless `cache` is false (for working on them).
 */
export function createViewEngine(
  viewsDir: string,
  options: {
    cache?: boolean;
    /** Where links of a fragment lead, which may stand in a frame of another origin. */
    baseUrl?: string;
  } = {},
): ViewEngine {
  const errorHelp = errorHelpFrom(options.baseUrl ?? '');
  const cache = options.cache ?? true;
  const assetVersion = createAssetVersions(path.join(viewsDir, '..', 'public'));
  const render = engine({
    extname: `.${viewExtension}`,
    defaultLayout: false,
    layoutsDir: path.join(viewsDir, 'layouts'),
    partialsDir: path.join(viewsDir, 'partials'),
    helpers: { icon, assetVersion, errorHelp, is: (a: unknown, b: unknown) => a === b },
    // strict: a misspelt name in a template fails its test instead of printing nothing.
    // preventIndent: partials inside <pre> and <textarea> must not grow spaces.
    compilerOptions: { strict: true, preventIndent: true },
  });
  return (file, view, done) => {
    const locals: Record<string, unknown> = { ...view, cache };
    void render(file, locals, done);
  };
}

/**
 * Renders to a string, so that the same fragments can travel as HTML inside JSON. Unlike `res.render` it leaves `res.locals` out:
 * what other middleware put there is nothing to a template.
 */
export async function renderView(
  res: Response,
  name: string,
  view: object,
  layout: string | false = false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    res.app.render(name, { ...view, layout }, (error: Error | null, html: string) => {
      if (error) reject(error);
      else resolve(html);
    });
  });
}
