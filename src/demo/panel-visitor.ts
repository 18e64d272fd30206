/** One deployment as its row in the panel says. */
export interface DeploymentRow {
  id: string;
  state: string;
  commit: string;
  cause: string;
  reason: string | null;
  /** Address of what is served, while it is live. */
  url: string | null;
  /** The page behind the build status. */
  page: string;
  /** "Building: npm run build", while it runs. */
  progress: string | null;
}

export interface PanelRequest {
  method: 'GET' | 'POST';
  path: string;
  fields?: Record<string, string>;
}

export interface PanelAnswer {
  ok: boolean;
  status: number;
  html: string;
  /** Id of the target that was saved, where the answer says it. */
  target: string;
}

/** Uses the panel as its own page does. How calls travel is the frame's business. */
export class PanelVisitor {
  readonly #call: (request: PanelRequest) => Promise<PanelAnswer>;

  constructor(call: (request: PanelRequest) => Promise<PanelAnswer>) {
    this.#call = call;
  }

  /** In Connect's frame: the signed address once, then fragments and actions with the page's session token. */
  static async open(signedUrl: string): Promise<PanelVisitor> {
    const response = await fetch(signedUrl);
    const html = await response.text();
    const session = /<meta name="slipway-session" content="([^"]+)"/.exec(html)?.[1];
    if (!response.ok || session === undefined) {
      throw new Error(`the panel answered ${response.status} and no session: ${textOf(html)}`);
    }
    const { origin } = new URL(signedUrl);
    return new PanelVisitor(async ({ method, path, fields }) => {
      const answer = await fetch(`${origin}${path}`, {
        method,
        headers: { authorization: `Bearer ${session}` },
        ...(fields ? { body: new URLSearchParams(fields) } : {}),
      });
      const target = answer.headers.get('x-slipway-target') ?? '';
      return { ok: answer.ok, status: answer.status, html: await answer.text(), target };
    });
  }

  /** Returns the id of the target. */
  async saveTarget(fields: Record<string, string>): Promise<string> {
    const saved = await this.#act('target/save', {
      targetId: '',
      expectedVersion: '0',
      ...fields,
    });
    return saved.target;
  }

  /** Switches the repository's webhook on or off. */
  async hook(wish: 'enable' | 'disable'): Promise<void> {
    await this.#act(`hook/${wish}`, {});
  }

  async deploy(targetId: string, refName: string): Promise<void> {
    await this.#act('deploy', { targetId, refType: 'branch', refName });
  }

  async deployments(): Promise<DeploymentRow[]> {
    const path = '/panel/fragments/deployments';
    const { ok, status, html } = await this.#call({ method: 'GET', path });
    if (!ok) throw new Error(`the panel answered ${status}: ${textOf(html)}`);
    return (
      html
        .split('<li ')
        .slice(1)
        // The fragment brings the list of pushes along; its entries are no deployments.
        .filter((row) => attribute(row, 'data-deployment') !== null)
        .map((row) => ({
          id: attribute(row, 'data-deployment') ?? '',
          state: attribute(row, 'data-state') ?? '',
          commit: attribute(row, 'data-commit') ?? '',
          cause: attribute(row, 'data-cause') ?? '',
          reason: emptyIsNull(attribute(row, 'data-reason')),
          url: emptyIsNull(attribute(row, 'data-url')),
          page: attribute(row, 'data-page') ?? '',
          progress: emptyIsNull(attribute(row, 'data-progress')),
        }))
    );
  }

  async #act(action: string, fields: Record<string, string>): Promise<PanelAnswer> {
    const path = `/panel/actions/${action}`;
    const answer = await this.#call({ method: 'POST', path, fields });
    if (!answer.ok) {
      throw new Error(`the panel refused ${action} with ${answer.status}: ${textOf(answer.html)}`);
    }
    return answer;
  }
}

function attribute(html: string, name: string): string | null {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(html)?.[1];
  return value === undefined ? null : unescaped(value);
}

function unescaped(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"' };
  return text.replace(
    /&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi,
    (whole, hex?: string, dec?: string, name?: string) => {
      if (hex !== undefined) return String.fromCodePoint(parseInt(hex, 16));
      if (dec !== undefined) return String.fromCodePoint(Number(dec));
      return named[name ?? ''] ?? whole;
    },
  );
}

function emptyIsNull(text: string | null): string | null {
  return text === '' ? null : text;
}

/** What a person would read of a page, cut short: for error messages. */
function textOf(html: string): string {
  return unescaped(html.replace(/<(script|style)[\s\S]*?<\/\1>/g, ' ').replace(/<[^>]+>/g, ' '))
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
}
