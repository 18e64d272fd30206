/** A page as a browser shows it, after all redirects. */
export interface Page {
  url: string;
  status: number;
  html: string;
}

const mostRedirects = 10;

/**
 * As much of a browser as signing in needs: it keeps cookies, follows redirects and sends forms. Cookies know hosts, not
 * ports, so one jar serves everything on this machine.
 */
export class Browser {
  readonly #cookies = new Map<string, string>();

  open(url: string): Promise<Page> {
    return this.#follow(url, { method: 'GET' });
  }

  /** The first form of a page with what stands in its fields; `button` is the one that is pressed. */
  submit(page: Page, button: { name: string; value: string }): Promise<Page> {
    const form = /<form\b([^>]*)>([\s\S]*?)<\/form>/.exec(page.html);
    if (!form) throw new Error(`there is no form on ${page.url}`);
    const [, attributes = '', inside = ''] = form;
    const body = new URLSearchParams();
    for (const [tag] of inside.matchAll(/<input\b[^>]*>/g)) {
      const name = attributeOf(tag, 'name');
      if (name !== null) body.append(name, attributeOf(tag, 'value') ?? '');
    }
    body.append(button.name, button.value);
    const action = new URL(attributeOf(attributes, 'action') ?? '', page.url).href;
    return this.#follow(action, { method: 'POST', body });
  }

  /** One request with the cookies; redirects are not followed. */
  async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = new Headers(init.headers);
    if (cookie !== '') headers.set('cookie', cookie);
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return response;
  }

  async #follow(start: string, first: RequestInit): Promise<Page> {
    let url = start;
    let init = first;
    for (let hop = 0; hop <= mostRedirects; hop += 1) {
      const response = await this.fetch(url, init);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status > 399 || location === null) {
        return { url, status: response.status, html: await response.text() };
      }
      url = new URL(location, url).href;
      init = { method: 'GET' };
    }
    throw new Error(`${start} leads from one address to the next without an end`);
  }

  #keep(line: string): void {
    const [pair = '', ...rest] = line.split(';');
    const equals = pair.indexOf('=');
    const name = pair.slice(0, equals).trim();
    const gone = rest.some((part) => /^\s*(max-age=0|expires=Thu, 01 Jan 1970)/i.test(part));
    if (gone) this.#cookies.delete(name);
    else this.#cookies.set(name, pair.slice(equals + 1).trim());
  }
}

function attributeOf(tag: string, name: string): string | null {
  const found = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(tag)?.[1];
  return found === undefined ? null : found.replaceAll('&amp;', '&').replaceAll('&quot;', '"');
}
