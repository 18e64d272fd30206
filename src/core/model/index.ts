/**
 * The words of Slipway. One meaning each; Bitbucket's own `target` (a commit) and `destination` never pass
 * `bitbucket/payload.ts`.
 *
 * - **door**: the way in: Connect, Forge, or OAuth with repository webhooks. Data here, never logic.
 * - **installation**: our app in one workspace, through one door.
 * - **workspace**, **repository**: Bitbucket's. Keyed by `uuid` (with braces, as delivered); names are display text.
 * - **source**: one hook or installation that sends events.
 * - **hook**: the one repository webhook of our own making that sends events to us.
 * - **event**: what Bitbucket told us, stored once, never changed.
 * - **ref change**: one branch or tag that an event moved.
 * - **backend**: a kind of place to deploy to (code). **target**: one configured backend for one repository (data).
 * - **rule**: which branches and tags a target deploys.
 * - **decision**: what we did with a ref change for a target, and why.
 * - **deployment**: one commit to one target, with a cause.
 * - **lane**: the durable queue of a target: one lease, one fencing number, one running delivery. Inside it a
 *   **slot** per ref: the newest commit of a slot wins, slots run in order of arrival.
 * - **attempt**: one call made to a backend for a deployment; append-only.
 * - **build status**: what we write on the commit in Bitbucket.
 * - **credential**: anything that opens something; stored sealed. **clone credential**: the short-lived right to clone.
 * - **connection**: a workspace's account at a backend, used by many targets.
 * - **hold**: automatic deploys of a target paused, for example after a rollback.
 */
export type * from './audit-entry.js';
export type * from './connection.js';
export type * from './deployment.js';
export type * from './event.js';
export type * from './exchange.js';
export type * from './forge.js';
export type * from './hook.js';
export type * from './installation.js';
export type * from './notice-channel.js';
export type * from './person.js';
export type * from './receiver.js';
export type * from './target.js';
export type * from './workspace-credential.js';
