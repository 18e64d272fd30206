import type { Workspace } from '../../core/model/index.js';
import type { FlagView } from '../panel/context.js';
import type { Places } from '../panel/deps.js';
import type { FormFields } from '../panel/form-fields.js';
import type { Rights } from '../panel/identity.js';
import type { Actor } from '../panel/panel-services.js';
import type { WorkspaceSession } from '../panel/session.js';

/** One request of one session about its one workspace. Knows no Express. */
export interface WorkspaceContext {
  places: Places;
  session: WorkspaceSession;
  workspace: Workspace;
  rights: Rights;
  by: Actor;
  now: number;
}

/**
 * A part of the workspace's page, one file each in `sections/`, registered in `sections.ts`. It is drawn by its partial
 * `views/partials/workspace-<key>.hbs` inside a `<section id="section-<key>">`, and drawn again after each of its actions.
 *
 * - Links that draw it again: `data-load="/panel/workspace/sections/<key>?…" data-swap="#section-<key>"`.
 * - Forms: `data-action="/panel/workspace/actions/<key>/<name>" data-swap="#section-<key>"`.
 */
export interface WorkspaceSection {
  /** Lower-case letters and dashes. */
  readonly key: string;
  readonly title: string;
  /** One sentence under the title. */
  readonly help: string;
  /** Not even shown to others than admins of the workspace. */
  readonly adminOnly: boolean;
  /** What the partial shows. `fields`: the query of `/sections/<key>`, or what was typed into a form that failed. */
  load(context: WorkspaceContext, fields: FormFields): Promise<object>;
  /** Admins only, always. */
  readonly actions: Readonly<Record<string, SectionAction>>;
}

/** Throws what it refuses: `InputError`, `StateError`, `AccessError`, `BitbucketError` are shown with their own words. */
export type SectionAction = (context: WorkspaceContext, fields: FormFields) => Promise<SectionDone>;

export interface SectionDone {
  /** What was done, in one sentence. */
  says: string;
  advice?: string;
  /** What the partial needs besides `load`, for example a value that is shown once. Merged over it. */
  extra?: object;
}

export interface SectionView {
  key: string;
  title: string;
  help: string;
  partial: string;
  flag: FlagView | null;
  view: object;
}
