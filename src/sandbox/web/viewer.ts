import type { Exchange } from '../http/exchange.js';
import type { User } from '../state/model.js';
import type { World } from '../world.js';

/** Cookies do not know ports, so the name must not collide with the app's on this machine. */
const cookieName = 'bitbucket_sandbox_user';

export interface Viewer {
  user: User | undefined;
  /** Set when `?as=` chose somebody. */
  cookie: string | null;
  /** Links that choose somebody else keep the rest of the address. */
  query: URLSearchParams;
}

/** Who looks at the page: `?as=ada`, the cookie it left, or the first user there is. */
export function viewerOf(world: World, exchange: Exchange): Viewer {
  const { query } = exchange;
  const chosen = query.get('as');
  const asked = chosen === null ? undefined : world.state.user(chosen);
  if (asked) return { user: asked, cookie: viewerCookie(asked), query };
  const remembered = world.state.user(cookieValue(exchange) ?? '');
  return { user: remembered ?? world.state.users[0], cookie: null, query };
}

function viewerCookie(user: User): string {
  return `${cookieName}=${encodeURIComponent(user.uuid)}; Path=/; HttpOnly; SameSite=Lax`;
}

function cookieValue(exchange: Exchange): string | undefined {
  const found = (exchange.header('cookie') ?? '')
    .split(/;\s*/)
    .find((part) => part.startsWith(`${cookieName}=`));
  try {
    return found && decodeURIComponent(found.slice(cookieName.length + 1));
  } catch {
    return undefined;
  }
}
