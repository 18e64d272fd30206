/**
 * Errors are named by whose fault they are. Each carries a code from the catalogue below; branch on the code or the
 * class, never on a message. Expected outcomes (a refused trigger, a failed check) are values, not errors.
 */
export abstract class SlipwayError extends Error {
  abstract readonly httpStatus: number;
  readonly code: ErrorCode;
  /** What the person should do, in one sentence. */
  readonly advice: string;

  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    super(
      detail === undefined ? errorCatalogue[code].says : `${errorCatalogue[code].says}: ${detail}`,
      options,
    );
    this.code = code;
    this.advice = errorCatalogue[code].advice;
    this.name = new.target.name;
  }
}

/** What a person typed or sent is wrong. `fields` names the form fields, with a sentence each. */
export class InputError extends SlipwayError {
  readonly httpStatus = 422;
  readonly fields: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, detail?: string, fields: Record<string, string> = {}) {
    super(code, detail);
    this.fields = fields;
  }
}

/** Who asks may not. Never says more than the code's sentence to the outside. */
export class AccessError extends SlipwayError {
  readonly httpStatus: 401 | 403 | 404;

  constructor(code: ErrorCode, httpStatus: 401 | 403 | 404, detail?: string) {
    super(code, detail);
    this.httpStatus = httpStatus;
  }
}

/** The request was fine, but things have moved on. */
export class StateError extends SlipwayError {
  readonly httpStatus = 409;
}

/** Bitbucket refused or failed. `retryAfterMs` when it said how long to wait. */
export class BitbucketError extends SlipwayError {
  readonly httpStatus = 502;
  readonly status: number | null;
  readonly retryAfterMs: number | null;

  constructor(
    code: ErrorCode,
    detail: string,
    facts: { status?: number; retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(code, detail, { cause: facts.cause });
    this.status = facts.status ?? null;
    this.retryAfterMs = facts.retryAfterMs ?? null;
  }
}

/** Ours: the store, the vault, the machine. Costs no attempt; answered 503. */
export class InfrastructureError extends SlipwayError {
  readonly httpStatus = 503;
}

/** Found at start, all together. `problems` are whole sentences. */
export class ConfigError extends SlipwayError {
  readonly httpStatus = 500;
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super('config_invalid', `\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** The catalogue: code → what it says → why it happens, where that is no matter of course → what to do. `docs/errors.md` is made of it. */
export const errorCatalogue = {
  body_too_large: {
    says: 'The request body is larger than 1 MiB',
    advice: 'Send less; Bitbucket itself never sends more than 256 KB.',
  },
  body_unreadable: {
    says: 'The request body is not readable JSON of the expected shape',
    why: 'Something other than Bitbucket sent it, or a proxy on the way changed it.',
    advice: 'Send the JSON that Bitbucket documents for this event.',
  },
  token_invalid: {
    says: 'The request is not signed by an installation we know',
    why: 'Each page and event is signed with a secret that only Bitbucket and this installation know. The signature is too old (the page was kept open or loaded from a history), or the app was installed anew meanwhile.',
    advice: 'Reload the page in Bitbucket; if it stays, reinstall the app.',
  },
  session_expired: {
    says: 'This panel has been open for too long',
    why: 'A panel that nobody uses ends its session, so that a screen left open cannot be used by somebody else.',
    advice: 'Reload the page: what you typed comes back with it, but for secrets.',
  },
  call_unknown: {
    says: 'The page asked for something that does not exist here',
    advice: 'Reload the page; it may be older than this Slipway.',
  },
  not_repository_admin: {
    says: 'Only an admin of this repository may change deploy targets',
    why: 'Slipway asks Bitbucket for your permission before every change. Whoever may change targets can run code with the repository’s secrets, so write permission is not enough.',
    advice: 'Ask an admin of the repository, or ask for the admin permission.',
  },
  not_workspace_admin: {
    says: 'Only an admin of this workspace may change this',
    advice: 'Ask an admin of the workspace to do it.',
  },
  hook_refused: {
    says: 'The webhook could not be set up',
    advice: 'Nothing was changed.',
  },
  hook_limit_reached: {
    says: 'This repository has 50 webhooks, which is as many as Bitbucket allows',
    advice:
      'Remove one that is not used under Repository settings → Webhooks in Bitbucket, then try again.',
  },
  installation_unconfirmed: {
    says: 'The installation could not prove that it comes from Bitbucket',
    why: 'The first install is not signed. Slipway therefore exchanges the secret it was given at Bitbucket, and Bitbucket did not accept it.',
    advice: 'Remove the app in Workspace settings and install it again.',
  },
  installation_removed: {
    says: 'The app is no longer installed in this workspace',
    why: 'Somebody uninstalled it. Settings and history are kept for 30 days.',
    advice: 'Install it again in Workspace settings.',
  },
  repository_unknown: {
    says: 'This repository is not known here',
    why: 'No event of it has arrived yet, or it was moved to another workspace.',
    advice: 'Open it in Bitbucket once, so that it can be looked up.',
  },
  workspace_unknown: {
    says: 'You are no member of this workspace, or it does not exist',
    why: 'It was asked for in your own name, and Bitbucket shows nobody a workspace that they do not belong to.',
    advice:
      'Ask an admin of the workspace to invite you, or sign in as somebody who belongs to it.',
  },
  repository_gone: {
    says: 'Bitbucket does not show us this repository',
    why: 'It was deleted or moved, or what Slipway may read was narrowed.',
    advice: 'Check that it still exists and that the app may read it.',
  },
  target_unknown: {
    says: 'This target does not exist',
    advice: 'Reload the page; another admin may have removed it.',
  },
  target_invalid: {
    says: 'These settings cannot work',
    advice: 'Correct the fields named here and save again.',
  },
  preflight_failed: {
    says: 'Bitbucket does not let Slipway read this repository, so a deploy would fail',
    why: 'Before a target is saved, its branch is read and one commit is fetched with the credential that a deploy would use. Bitbucket refused one of them for good.',
    advice: 'Do what the failed step names, then save again; nothing was changed.',
  },
  connection_unknown: {
    says: 'This connection does not exist',
    advice: 'Reload the page; another admin may have removed it.',
  },
  connection_invalid: {
    says: 'This connection does not work',
    advice: 'Correct the fields named here and save again.',
  },
  connection_changed: {
    says: 'Somebody else saved this connection while you were editing',
    advice: 'Look at their version, then make your change again.',
  },
  connection_used: {
    says: 'This connection is still used',
    why: 'Deploys of these targets would fail without it.',
    advice: 'Give these targets another connection, or remove them first.',
  },
  retry_invalid: {
    says: 'Nothing was tried again',
    advice: 'Choose what is to be tried again; the list shows what failed last as of now.',
  },
  channel_invalid: {
    says: 'No notice can be sent there',
    advice: 'Correct the fields named here and save again.',
  },
  fix_failed: {
    says: 'This could not be changed at the backend',
    advice: 'Change it there yourself, then save the target again.',
  },
  resume_failed: {
    says: 'Automatic deploys could not be resumed',
    advice: 'Look at the backend itself, then try again.',
  },
  target_changed: {
    says: 'Somebody else saved this target while you were editing',
    why: 'Two people had the form open. The one who saves last must see what the other one did, so nothing was overwritten.',
    advice: 'Look at their version, then make your change again.',
  },
  deployment_unknown: {
    says: 'This deployment does not exist',
    why: 'Finished deployments are deleted after 90 days.',
    advice: 'Reload the page; it may have been pruned.',
  },
  deployment_finished: {
    says: 'This deployment is already over',
    advice: 'Reload the page to see how it ended.',
  },
  nothing_to_approve: {
    says: 'This deployment does not wait for a person',
    advice: 'Reload the page to see what became of it.',
  },
  nothing_to_confirm: {
    says: 'There is nothing to confirm about this deployment',
    advice: 'Reload the page to see what became of it.',
  },
  ref_unknown: {
    says: 'Bitbucket has no such branch or tag',
    advice: 'Check the spelling, or push the branch first.',
  },
  rollback_impossible: {
    says: 'This release cannot be switched back to',
    why: 'Its backend has deleted that release, or cannot switch back.',
    advice: 'Redeploy its commit instead.',
  },
  backend_unknown: {
    says: 'There is no such deploy backend here',
    why: 'The operator chooses which backends are offered (SLIPWAY_BACKENDS).',
    advice: 'Pick one from the list; the operator may have switched it off.',
  },
  bitbucket_unavailable: {
    says: 'Bitbucket did not answer as it should',
    advice: 'It is tried again by itself; see status.atlassian.com if it lasts.',
  },
  bitbucket_rate_limited: {
    says: 'Bitbucket asks us to wait',
    why: 'Bitbucket counts calls by the hour. Slipway waits as long as Bitbucket asks; pushes are not lost meanwhile.',
    advice: 'It is tried again by itself.',
  },
  bitbucket_refused: {
    says: 'Bitbucket refused our credential',
    why: 'The token was revoked, or the permission behind it was taken away.',
    advice: 'Reinstall the app, or check that it may still read the repository.',
  },
  oauth_off: {
    says: 'Signing in with Bitbucket is not set up here',
    advice: 'Whoever runs this Slipway can set it up; docs/oauth.md says how.',
  },
  oauth_denied: {
    says: 'You did not allow Slipway to use your Bitbucket account',
    advice: 'Nothing was stored. Sign in again if you change your mind.',
  },
  oauth_state_wrong: {
    says: 'This sign-in was not started in this browser, or took too long',
    why: 'So that nobody can sign you in to somebody else’s account by a link, a sign-in must end in the browser where it began.',
    advice: 'Sign in again, in one window, within ten minutes.',
  },
  oauth_state_used: {
    says: 'This sign-in was finished before',
    advice: 'You may be signed in already. If not, sign in again.',
  },
  oauth_code_refused: {
    says: 'Bitbucket did not accept the sign-in: its code was used before or is too old',
    advice: 'Sign in again.',
  },
  oauth_consumer_refused: {
    says: 'Bitbucket does not accept the key and secret of the OAuth consumer',
    advice:
      'The consumer was removed or its secret changed: its owner must put the current key and secret into Slipway.',
  },
  oauth_grant_refused: {
    says: 'Bitbucket does not accept what you allowed Slipway any more',
    advice: 'Connect again: sign out, then sign in with Bitbucket.',
  },
  oauth_grant_missing: {
    says: 'Slipway was not allowed to act for this person',
    advice: 'They sign in with Bitbucket once.',
  },
  oauth_scope_missing: {
    says: 'The OAuth consumer does not have all the permissions it needs',
    why: 'Bitbucket grants what is ticked at the consumer, whatever an app asks for.',
    advice:
      'In Bitbucket, open the settings of the workspace that owns the consumer → OAuth consumers → Edit, tick what is missing, save, and sign in again.',
  },
  credential_invalid: {
    says: 'Bitbucket does not accept these credentials',
    advice: 'Correct the fields named here and save again; nothing was stored.',
  },
  signed_out: {
    says: 'You are not signed in',
    advice:
      'Sign in with Bitbucket, then try again; a page reloaded in its tab brings back what you typed, but for secrets.',
  },
  form_stale: {
    says: 'This form was not made for you, or you have signed in anew since',
    why: 'Every form carries a mark of your session, so that no other site can send it in your name.',
    advice:
      'Reload the page and send it again; what you typed comes back with it, but for secrets.',
  },
  forge_token_awaited: {
    says: 'Forge has not brought a token that can still be used',
    advice: 'It brings one every hour, and with every push or page; what waits goes on then.',
  },
  database_absent: {
    says: 'PostgreSQL was not there within a minute of the start',
    why: 'Slipway waits that long for a database that is started together with it, and says so in its log.',
    advice:
      'Look whether it runs and whether DATABASE_URL names its host and port, then start Slipway again. Nothing was changed.',
  },
  storage_unavailable: {
    says: 'The database does not take writes at the moment',
    why: 'The disk is full or read-only, or another program holds the database.',
    advice: 'Check the disk; Bitbucket sends the event again, and nothing was acknowledged.',
  },
  storage_overloaded: {
    says: 'More is waiting to be stored than is allowed',
    why: 'More arrives than the disk can take. New events are refused rather than kept in memory, where they could be lost; Bitbucket sends them again.',
    advice: 'It clears by itself; if it lasts, see docs/when-things-fail.md.',
  },
  data_folder_owned: {
    says: 'The data folder is in use by a running Slipway',
    advice: 'Stop that one first, or set SLIPWAY_DATA_DIR to another folder.',
  },
  vault_key_missing: {
    says: 'A stored secret was sealed with a master key that is not configured',
    why: 'The master key was changed without `slipway keys rotate`, or this database comes from another machine.',
    advice: 'Put that key back into SLIPWAY_MASTER_KEY.',
  },
  keys_unreadable: {
    says: 'No master key was given, or one that is not 32 bytes in base64',
    advice:
      'Put the new key and, after it, the one in use into SLIPWAY_MASTER_KEY (or its file) of the shell that runs the command.',
  },
  keys_in_use: {
    says: 'The key that the server uses is not among those that were given',
    advice: 'Give it as the second one: without it nothing that is stored can be opened.',
  },
  server_not_running: {
    says: 'No Slipway runs on this data folder',
    advice: 'Start it first: the running server does this.',
  },
  vault_tampered: {
    says: 'A stored secret cannot be opened',
    advice: 'It was damaged or moved between rows; enter it again.',
  },
  config_invalid: {
    says: 'The configuration has problems',
    advice: 'Correct the settings named above and start again.',
  },
} as const satisfies Record<string, { says: string; why?: string; advice: string }>;

export type ErrorCode = keyof typeof errorCatalogue;
