import { parseSetCookie } from 'cookie';

/** A browser as far as a sign-in needs one: keeps cookies, shows every redirect. */
export class Browser {
  readonly cookies = new Map<string, string>();
  readonly setCookies: string[] = [];
  readonly #base: string;

  constructor(base: string) {
    this.#base = base;
  }

  async get(path: string): Promise<Page> {
    return this.#send(path, {});
  }

  async post(path: string, form: Record<string, string>): Promise<Page> {
    return this.#send(path, { method: 'POST', body: new URLSearchParams(form) });
  }

  async #send(path: string, init: RequestInit): Promise<Page> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(new URL(path, this.#base), {
      ...init,
      redirect: 'manual',
      headers: { Accept: 'text/html', ...(cookie === '' ? {} : { cookie }) },
    });
    for (const text of response.headers.getSetCookie()) {
      this.setCookies.push(text);
      const { name, value = '', maxAge } = parseSetCookie(text, { decode: (raw) => raw });
      if (maxAge === 0) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const location = response.headers.get('location');
    return {
      status: response.status,
      location,
      text: await response.text(),
      headers: response.headers,
    };
  }
}

export interface Page {
  status: number;
  location: string | null;
  text: string;
  headers: Headers;
}
