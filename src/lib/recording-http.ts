import { OutboundError, type OutboundHttp, type OutboundRequest } from './outbound-http.js';

/** One call in full, secrets included: whoever takes it decides what is kept. */
export interface HttpRecord {
  /** Unix ms. */
  at: number;
  ms: number;
  method: string;
  url: string;
  requestHeaders: Readonly<Record<string, string>>;
  requestBody: string | null;
  status: number | null;
  responseHeaders: Readonly<Record<string, string>>;
  responseBody: string | null;
  failure: string | null;
}

/** The same client, but every call is told to `record` when it is over. Without `record` it is the client itself. */
export function recordingHttp(
  http: Pick<OutboundHttp, 'send'>,
  record: ((exchange: HttpRecord) => void) | undefined,
  clock: () => number,
): Pick<OutboundHttp, 'send'> {
  if (record === undefined) return http;
  return {
    async send(request) {
      const begun = startOf(request, clock());
      const tell = (end: Partial<HttpRecord>): void =>
        record({ ...begun, ms: clock() - begun.at, ...end });
      try {
        const response = await http.send(request);
        const { status, headers: responseHeaders, text: responseBody } = response;
        tell({ status, responseHeaders, responseBody });
        return response;
      } catch (error) {
        tell({ failure: error instanceof OutboundError ? error.message : 'The call failed.' });
        throw error;
      }
    },
  };
}

function startOf(request: OutboundRequest, at: number): HttpRecord {
  const { method, url, headers: requestHeaders = {}, body } = request;
  return {
    ...{ at, ms: 0, method, url, requestHeaders },
    requestBody: body === undefined ? null : body.toString(),
    ...{ status: null, responseHeaders: {}, responseBody: null, failure: null },
  };
}
