import { execFileSync, spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';

export const gitUser = 'x-token-auth';

/** A text is a file, `{ link }` a symbolic link, `{ program }` an executable file, null removes. */
export type Tree = Record<string, string | { link: string } | { program: string } | null>;

/** One repository served by git's own http-backend, behind Basic auth, as Bitbucket does. */
export class GitServer {
  readonly #root: string;
  readonly #checkout: string;
  readonly #server = createServer((request, response) => this.#answer(request, response));
  /** The password that opens the repository now. */
  password = 'first-clone-secret';
  /** False: commits are only handed out by branch, as some servers do. */
  allowsHashes = true;
  /** Answers this many requests with 503 first. */
  outages = 0;
  refusals = 0;
  requests = 0;

  private constructor() {
    this.#root = mkdtempSync(path.join(os.tmpdir(), 'slipway-git-'));
    this.#checkout = path.join(this.#root, 'checkout');
  }

  static async start(): Promise<GitServer> {
    const server = new GitServer();
    const init = ['init', '--quiet', '--template=', '--initial-branch=main'];
    execFileSync('git', [...init, '--bare', 'repo.git'], { cwd: server.#root });
    execFileSync('git', [...init, 'checkout'], { cwd: server.#root });
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/repo.git`;
  }

  /** Commits on top of `main` (or another branch) and returns the hash. */
  commit(tree: Tree, options: { branch?: string; keep?: boolean; push?: boolean } = {}): string {
    const git = (...args: string[]) =>
      execFileSync('git', args, { cwd: this.#checkout, encoding: 'utf8', env: gitEnv() });
    if (options.keep !== true) git('rm', '-rqf', '--ignore-unmatch', '.');
    for (const [name, content] of Object.entries(tree)) this.#write(name, content);
    git('add', '-A', '-f');
    git('commit', '--quiet', '--allow-empty', '-m', 'change');
    const hash = git('rev-parse', 'HEAD').trim();
    if (options.push !== false) this.push(options.branch);
    return hash;
  }

  push(branch = 'main'): void {
    execFileSync(
      'git',
      ['push', '--quiet', '--force', '../repo.git', `HEAD:refs/heads/${branch}`],
      {
        cwd: this.#checkout,
        stdio: 'ignore',
      },
    );
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.#root, { recursive: true, force: true });
  }

  #write(name: string, content: Tree[string] | undefined): void {
    const file = path.join(this.#checkout, name);
    rmSync(file, { recursive: true, force: true });
    if (content === null || content === undefined) return;
    mkdirSync(path.dirname(file), { recursive: true });
    if (typeof content === 'string') writeFileSync(file, content);
    else if ('link' in content) symlinkSync(content.link, file);
    else writeFileSync(file, content.program, { mode: 0o755 });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.requests += 1;
    if (this.outages > 0) {
      this.outages -= 1;
      response.writeHead(503).end();
      return;
    }
    const basic = Buffer.from(`${gitUser}:${this.password}`).toString('base64');
    if (request.headers.authorization !== `Basic ${basic}`) {
      this.refusals += 1;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    this.#serve(request, response);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://git');
    const child = spawn('git', ['http-backend'], {
      env: { ...gitEnv(), ...this.#cgi(request, url) },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    child.stdin.on('error', () => undefined);
    request.pipe(child.stdin);
    const parts: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => parts.push(chunk));
    child.on('close', () => {
      const all = Buffer.concat(parts);
      const end = all.indexOf('\r\n\r\n');
      let status = 200;
      for (const line of all.subarray(0, end).toString('latin1').split('\r\n')) {
        const [name = '', value = ''] = line.split(/:\s*/, 2);
        if (name === 'Status') status = Number.parseInt(value, 10);
        else response.setHeader(name, value);
      }
      response.writeHead(status).end(all.subarray(end + 4));
    });
  }

  #cgi(request: IncomingMessage, url: URL): Record<string, string> {
    const protocol = request.headers['git-protocol'];
    return {
      GIT_PROJECT_ROOT: this.#root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '2',
      GIT_CONFIG_KEY_0: 'uploadpack.allowAnySHA1InWant',
      GIT_CONFIG_VALUE_0: String(this.allowsHashes),
      GIT_CONFIG_KEY_1: 'safe.directory',
      GIT_CONFIG_VALUE_1: '*',
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      ...(request.headers['content-length'] === undefined
        ? {}
        : { CONTENT_LENGTH: request.headers['content-length'] }),
      // Protocol 2 hands out every commit, whatever the setting says.
      ...(this.allowsHashes && typeof protocol === 'string' ? { GIT_PROTOCOL: protocol } : {}),
    };
  }
}

function gitEnv(): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.com',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'ada@example.com',
  };
}
