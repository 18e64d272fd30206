import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * What an address leads to. `private`: a network of one's own, which an operator may open on purpose. `forbidden`: nothing a
 * deploy ever has to reach (link-local, multicast, reserved, tunnels to IPv4, cloud metadata), whatever the operator says.
 */
export type AddressKind = 'public' | 'loopback' | 'private' | 'forbidden';

const kindOfRange: Readonly<Record<string, AddressKind>> = {
  unicast: 'public',
  loopback: 'loopback',
  private: 'private',
  carrierGradeNat: 'private',
  uniqueLocal: 'private',
};

/** The part of IPv6 that is given out (RFC 4291 §2.4). The library calls everything it has no name for `unicast`. */
const givenOut = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Machines get their cloud credentials from these. Named because their ranges may be allowed (an operator who opens private
 * networks does not mean these), or are public (Azure's).
 */
const metadata: ReadonlySet<string> = new Set([
  '169.254.169.254', // AWS, Google, Azure, DigitalOcean and most others
  '169.254.170.2', // AWS: container credentials
  '168.63.129.16', // Azure: platform channel, a public address
  '100.100.100.200', // Alibaba
  '192.0.0.192', // Oracle
  'fd00:ec2::254', // AWS
  'fd00:ec2::23', // AWS: pod identity
  'fd20:ce::254', // Google
  'fd00:42::42', // Scaleway
]);

/** @param address in the forms the resolver and `URL.hostname` give, without brackets; anything else is forbidden */
export function addressKind(address: string): AddressKind {
  // The library also reads 0x7f.1 and the like; who hands those to us is up to something.
  if (isIP(address) === 0) return 'forbidden';
  const parsed = ipaddr.parse(address);
  if (metadata.has(parsed.toString())) return 'forbidden';
  const kind = kindOfRange[parsed.range()] ?? 'forbidden';
  const isUnassigned = parsed.kind() === 'ipv6' && kind === 'public' && !parsed.match(givenOut);
  return isUnassigned ? 'forbidden' : kind;
}
