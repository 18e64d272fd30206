import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface ReceivedCall {
  id: string;
  type: string;
  data: Record<string, unknown>;
  headers: http.IncomingHttpHeaders;
  body: string;
}

type Respond = (
  call: ReceivedCall,
  response: http.ServerResponse,
  request: http.IncomingMessage,
) => void;

/** A receiver that answers as the test says. Every call is verified by the reference library before it counts. */
export class FakeReceiver {
  readonly calls: ReceivedCall[] = [];
  /** What did not verify, with the library's words. */
  readonly unverified: string[] = [];
  respond: Respond = (_call, response) => void response.writeHead(202).end();
  readonly #server: http.Server;
  readonly #secrets: () => readonly string[];

  private constructor(secrets: () => readonly string[]) {
    this.#secrets = secrets;
    this.#server = http.createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => this.#take(request, response, body));
    });
  }

  static async open(secrets: () => readonly string[]): Promise<FakeReceiver> {
    const receiver = new FakeReceiver(secrets);
    await new Promise<void>((done) => receiver.#server.listen(0, '127.0.0.1', done));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** `answers(422, { message: 'no' })` */
  answers(status: number, body?: object | string, headers: Record<string, string> = {}): void {
    const isJson = typeof body === 'object';
    const type = isJson ? { 'content-type': 'application/json' } : {};
    this.respond = (_call, response) => {
      response.writeHead(status, { ...type, ...headers });
      response.end(isJson ? JSON.stringify(body) : body);
    };
  }

  /** Like a process that is not there: the port refuses. */
  async away(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.away();
  }

  #take(request: http.IncomingMessage, response: http.ServerResponse, body: string): void {
    const headers = request.headers as Record<string, string>;
    const verdicts = this.#secrets().map((secret) => {
      try {
        new Webhook(secret).verify(body, headers);
        return null;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    });
    const problem = verdicts.find((verdict) => verdict !== null);
    if (problem !== undefined && problem !== null) {
      this.unverified.push(problem);
      response.writeHead(401).end();
      return;
    }
    const { type, data } = JSON.parse(body) as Pick<ReceivedCall, 'type' | 'data'>;
    const call = { id: String(headers['webhook-id']), type, data, headers: request.headers, body };
    this.calls.push(call);
    this.respond(call, response, request);
  }
}
