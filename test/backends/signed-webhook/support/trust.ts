import tls from 'node:tls';
import { authority } from './certificates.js';

/**
 * Makes this process trust the test authority until the returned function is called. In production that is
 * NODE_EXTRA_CA_CERTS, which Node reads at its start only.
 */
export function trustTestAuthority(): () => void {
  const original = tls.createSecureContext;
  tls.createSecureContext = (options) =>
    original({ ca: [...tls.rootCertificates, authority], ...options });
  return () => {
    tls.createSecureContext = original;
  };
}
