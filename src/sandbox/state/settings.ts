import type { JsonObject } from '../json.js';

/**
 * Facts that the references leave open, or that Atlassian rolls out per consumer. Each default
 * is what most recordings show; the other answer is one switch away.
 */
export const defaultSettings = {
  /** `expires_in` of new access tokens. The guide says one hour, older samples 7200. */
  token_lifetime_s: 3600,
  /** `scopes` (old token backend), `scope` (new one), `both`, or as the consumer's `backend` says. */
  token_scope_key: 'backend',
  /** Tokens above 2,500 characters also for apps; consumers of the new backend always get them. */
  token_long: false,
  /** Backend of consumers that are made without saying one: `2025` or `2026`. */
  oauth_backend: '2026',
  /** How long the new backend still takes a refresh token that was used. */
  refresh_grace_s: 600,
  /** After how many days without use a refresh token of the new backend lapses. */
  refresh_lapse_days: 90,
  code_lifetime_s: 600,
  /** Whether a `code_challenge` sent to the authorize page binds: not established. */
  pkce_enforced: true,
  /** Status of refused token requests: 400 and 401 are both met. */
  token_error_status: 401,
  /** false: the app's own token gets 403 on the permission calls. */
  app_may_read_permissions: true,
  /** Descriptor webhooks as `{event, data}`; false: the older bare body. */
  event_wrapper: true,
  /** `aud` of the JWTs Bitbucket makes: `string`, `list` or `none`. */
  jwt_aud: 'string',
  /** `sub` of iframe JWTs: `account_id`, `uuid` or `none`. */
  jwt_sub: 'account_id',
  /** Added to `iat`; a positive value puts it into the app's future. */
  jwt_iat_skew_s: 0,
  /** `exp - iat` of the JWTs Bitbucket makes. */
  jwt_lifetime_s: 180,
  /** `ari` (registered app) or `connection` (unregistered), used for new installations. */
  client_key_format: 'ari',
  /** Whether a reinstall brings a new shared secret. */
  rotate_secret: true,
  /** false: commits that are no ref's tip cannot be fetched. */
  git_allow_any_sha: true,
  /** Whether an unanswered delivery is sent again, like a 5xx. */
  retry_timeouts: true,
  retry_network_errors: true,
  /** Whether a repository's own webhook lives to tell of the repository's end. */
  deleted_reaches_hooks: true,
  delivery_timeout_ms: 10_000,
  /** false: deliveries of one hook run side by side. */
  delivery_in_order: true,
  /** Compressed bodies have been reported behind a proxy in 2026. */
  delivery_gzip: false,
  /** Larger bodies are silently not sent. */
  delivery_max_bytes: 256 * 1024,
  /** Whether calls are counted: within the last hour, for each user and kind. */
  rate_limits: false,
  /** `/2.0/repositories/…`. */
  rate_limit_api: 1_000,
  rate_limit_hooks: 1_000,
  /** `…/src/…`. */
  rate_limit_raw: 5_000,
  rate_limit_git: 60_000,
  /** Everything, by address. */
  rate_limit_anonymous: 60,
  rate_limit_window_s: 3_600,
  /** The 429 body: `json`, the usual envelope, or plain `text`. */
  rate_limit_body: 'json',
  /** Whether `Retry-After` comes with a 429: not promised. */
  rate_limit_retry_after: false,
  /** What callers get for what they may not see: the documentation says 403, practice 404. */
  hidden_status: 404,
  /** true: API calls on a repository's former name are redirected instead of 404. */
  redirect_renamed: false,
  /** Forge events are late by this much; up to three minutes by design. */
  forge_latency_ms: 200,
  /** Time a remote has to answer an event. */
  forge_timeout_ms: 5_000,
  forge_retry_delay_ms: 60_000,
  /** First run of a schedule after the install, and from then on. */
  forge_schedule_first_ms: 300_000,
  forge_schedule_ms: 3_600_000,
  /** true: the event stands under `payload`. */
  forge_wrapped_body: false,
  /** false: events without `timestamp`, `selfGenerated` and `repository.slug`, as before spring 2026. */
  forge_recent_fields: true,
  /** Where invocation tokens name the workspace: `contexts`, `context`, `install_context` or `cloud_id`. */
  forge_workspace_claim: 'contexts',
  forge_invocation_lifetime_s: 25,
  forge_token_lifetime_s: 14_400,
};

export type Settings = { [K in keyof typeof defaultSettings]: (typeof defaultSettings)[K] };

const choices: Partial<Record<keyof Settings, readonly (string | number)[]>> = {
  token_scope_key: ['backend', 'scopes', 'scope', 'both'],
  oauth_backend: ['2025', '2026'],
  token_error_status: [400, 401],
  rate_limit_body: ['json', 'text'],
  hidden_status: [403, 404],
  jwt_aud: ['string', 'list', 'none'],
  jwt_sub: ['account_id', 'uuid', 'none'],
  client_key_format: ['ari', 'connection'],
  forge_workspace_claim: ['contexts', 'context', 'install_context', 'cloud_id'],
};

/** Returns the merged settings, or sentences saying what is wrong with the changes. */
export function mergeSettings(current: Settings, changes: JsonObject): Settings | string[] {
  const problems: string[] = [];
  for (const [key, value] of Object.entries(changes)) {
    if (!(key in defaultSettings)) {
      problems.push(`unknown setting "${key}"`);
      continue;
    }
    const name = key as keyof Settings;
    const wanted = typeof defaultSettings[name];
    const allowed = choices[name];
    if (typeof value !== wanted) problems.push(`${key} must be a ${wanted}`);
    else if (allowed && !allowed.some((choice) => choice === value)) {
      problems.push(`${key} must be one of ${allowed.join(', ')}`);
    }
  }
  return problems.length > 0 ? problems : { ...current, ...changes };
}
