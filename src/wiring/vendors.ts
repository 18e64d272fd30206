import type { BackendOptions } from '../backends/registry.js';
import type { Config } from '../config/config.js';
import { createOutboundHttp, type OutboundHttp } from '../lib/outbound-http.js';

/** A lane's call has 15 s in all, and some backends need two calls. */
const callTimeoutMs = 10_000;

/** The way out to the fixed API hosts of deploy backends, and where these are. */
export function createVendorParts(config: Readonly<Config>): {
  http: OutboundHttp;
  options: Pick<BackendOptions, 'vendorHttp' | 'vendorUrls'>;
} {
  const { vendorUrls } = config;
  const plain = Object.values(vendorUrls).filter((url) => url.startsWith('http:'));
  const http = createOutboundHttp({
    userAgent: 'Slipway/1',
    allowPlainHttpHosts: plain.map((url) => new URL(url).host),
    timeoutMs: callTimeoutMs,
  });
  return { http, options: { vendorHttp: http, vendorUrls } };
}
