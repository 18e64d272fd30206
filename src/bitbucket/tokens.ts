import { AccessError, BitbucketError } from '../core/errors.js';
import type { Clock } from '../core/ports.js';

/** A bearer token for Bitbucket's API and for git. */
export interface IssuedToken {
  value: string;
  /** Unix ms. */
  expiresAt: number;
  /** Whose it is, where a source has several: part of the limiter's name. Default: the workspace's. */
  holder?: string;
}

export interface TokenRequest {
  workspaceUuid: string;
  /** What it is for; null = the whole workspace. */
  repositoryUuid: string | null;
  /** Good for nothing but that repository, where the source can: it leaves this machine. */
  narrow?: boolean;
}

/** One way to get a token. A list of them in the order of design.md §6.4: what belongs to an app goes before a person's. */
export interface TokenSource {
  /** `connect`, `forge`, `consumer` … */
  readonly id: string;
  /** `app`: nobody's absence ends it. `oauth`: lent by a person. */
  readonly kind: 'app' | 'oauth';
  /** Ends the sentence "cloned with …". */
  readonly name: string;
  /** It keeps its own, so that it need not be kept here. */
  readonly keeps?: boolean;
  /** Its tokens differ from repository to repository. */
  readonly perRepository?: boolean;
  /**
   * Null: it has none for this request. Throws `BitbucketError`.
   *
   * @param options.unlike was just refused: another one, if there is any
   */
  issue(request: TokenRequest, options?: { unlike?: string }): Promise<IssuedToken | null>;
  /** Bitbucket refused its token twice, the second one issued after the first refusal. */
  refused?(request: TokenRequest): Promise<void>;
}

export interface HeldToken extends IssuedToken {
  source: string;
  kind: 'app' | 'oauth';
  name: string;
  /** Unlike any other credential's; holds no secret. What Bitbucket counts calls by. */
  credential: string;
}

export type RefusedToken = Pick<HeldToken, 'source' | 'value'>;

export interface Tokens {
  /**
   * The best token that was not refused yet: of each source one, then a fresh one (Bitbucket refuses good ones in passing,
   * reference/bitbucket-api.md §1.5), then the next source.
   *
   * @throws BitbucketError of the best source when none has one now, `bitbucket_refused` when all were refused;
   *   AccessError `installation_removed` when no source serves the workspace
   */
  token(request: TokenRequest, options?: { refused?: readonly RefusedToken[] }): Promise<HeldToken>;
  /** Makes a call with one token after the other until one is not refused. */
  using<T>(request: TokenRequest, call: (token: HeldToken) => Promise<T>): Promise<T>;
  /** The workspace's credentials changed: its tokens may be worthless. */
  forget(workspaceUuid: string): void;
}

/** A token is replaced this long before it ends, so that a clone begun now does not outlive it. */
const marginMs = 5 * 60_000;
const maxEntries = 10_000;
const triesPerSource = 2;

interface Kept {
  token: IssuedToken;
  /** Unix ms; from then on it is replaced. */
  until: number;
}

/** In memory only. At most one request per source, workspace and repository is under way; everybody else waits for it. */
export function createTokens(deps: { sources: readonly TokenSource[]; clock: Clock }): Tokens {
  const cache = new Map<string, Kept>();
  const underWay = new Map<string, Promise<IssuedToken | null>>();
  let generation = 0;

  async function ask(
    source: TokenSource,
    request: TokenRequest,
    unlike: string | undefined,
  ): Promise<IssuedToken | null> {
    const isNarrow = request.narrow === true || source.perRepository === true;
    const about = isNarrow ? (request.repositoryUuid ?? '') : '';
    const key = `${request.workspaceUuid} ${about} ${source.id}`;
    const kept = cache.get(key);
    if (kept && kept.token.value !== unlike && kept.until > deps.clock()) return kept.token;
    let pending = underWay.get(key);
    if (!pending) {
      const before = generation;
      const askedAt = deps.clock();
      pending = source
        .issue(request, unlike === undefined ? {} : { unlike })
        .then((token) => {
          if (token && source.keeps !== true && before === generation) {
            if (cache.size >= maxEntries) cache.clear();
            cache.set(key, { token, until: token.expiresAt - margin(token.expiresAt - askedAt) });
          }
          return token;
        })
        .finally(() => underWay.delete(key));
      underWay.set(key, pending);
    }
    return pending;
  }

  async function token(
    request: TokenRequest,
    { refused = [] }: { refused?: readonly RefusedToken[] } = {},
  ): Promise<HeldToken> {
    const failures: unknown[] = [];
    for (const source of deps.sources) {
      const mine = refused.filter((one) => one.source === source.id);
      if (mine.length >= triesPerSource) continue;
      try {
        const issued = await ask(source, request, mine.at(-1)?.value);
        if (issued) return held(source, request, issued);
      } catch (error) {
        failures.push(error);
      }
    }
    throw failureOf(failures, refused);
  }

  return {
    token,
    async using(request, call) {
      const refused: RefusedToken[] = [];
      const answers: BitbucketError[] = [];
      for (;;) {
        let next: HeldToken;
        try {
          next = await token(request, { refused });
        } catch (error) {
          throw answerOf(answers) ?? error;
        }
        try {
          return await call(next);
        } catch (error) {
          const status = error instanceof BitbucketError ? (error.status ?? 0) : 0;
          if (![401, 403, 404].includes(status)) throw error;
          answers.push(error as BitbucketError);
          const { source, value } = next;
          refused.push({ source, value });
          const tries = refused.filter((one) => one.source === source).length;
          // What it may not see it will not see with a new token either.
          if (status !== 401)
            for (let at = tries; at < triesPerSource; at += 1) refused.push({ source, value });
          else if (tries === triesPerSource) {
            await deps.sources.find(({ id }) => id === source)?.refused?.(request);
          }
        }
      }
    },
    forget: (workspaceUuid) => {
      generation += 1;
      for (const key of cache.keys()) {
        if (key.startsWith(`${workspaceUuid} `)) cache.delete(key);
      }
    },
  };
}

/** At most a fifth of its life: where tokens live for seconds, the margin must not eat them whole. */
function margin(lifeMs: number): number {
  return Math.min(marginMs, lifeMs / 5);
}

function held(source: TokenSource, request: TokenRequest, token: IssuedToken): HeldToken {
  const { id, kind, name } = source;
  return {
    ...{ ...token, source: id, kind, name },
    credential: `${id} ${token.holder ?? request.workspaceUuid}`,
  };
}

/** Trouble that passes says "try again", so it goes before what needs a person; the best source's words before the others'. */
function failureOf(failures: readonly unknown[], refused: readonly RefusedToken[]): unknown {
  const passing = failures.find(
    (error) =>
      error instanceof BitbucketError &&
      (error.code === 'bitbucket_unavailable' || error.code === 'bitbucket_rate_limited'),
  );
  const first = passing ?? failures[0];
  if (first !== undefined) return first;
  return refused.length > 0
    ? new BitbucketError('bitbucket_refused', 'every credential there is was refused')
    : new AccessError('installation_removed', 404, 'no way to get a token is left');
}

/** "Not there" and "you may not" say more than "I do not know you". */
function answerOf(answers: readonly BitbucketError[]): BitbucketError | undefined {
  return answers.find(({ status }) => status !== 401) ?? answers.at(-1);
}
