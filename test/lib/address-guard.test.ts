import assert from 'node:assert/strict';
import { addressKind } from '../../src/lib/address-guard.js';

const table = {
  public: ['8.8.8.8', '1.1.1.1', '104.192.142.10', '2001:4860:4860::8888', '2606:4700::1111'],
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  private: [
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    'fc00::1',
    'fdff::1',
  ],
  forbidden: [
    // this network, broadcast, multicast, reserved, documentation, benchmarks
    '0.0.0.0',
    '0.1.2.3',
    '255.255.255.255',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    // link-local, with and without the interface
    '169.254.0.1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    // metadata, wherever it hides
    '169.254.169.254',
    '169.254.170.2',
    '168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
    'fd00:ec2::254',
    'fd00:0ec2:0:0:0:0:0:254',
    'fd20:ce::254',
    'fd00:42::42',
    // IPv4 inside IPv6: mapped, compatible, translated, NAT64 (both prefixes), 6to4, Teredo; public ones, too
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    '::ffff:8.8.8.8',
    '::127.0.0.1',
    '::8.8.8.8',
    '::ffff:0:127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::8.8.8.8',
    '64:ff9b:1::7f00:1',
    '2002:7f00:1::',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2',
    // the rest of IPv6
    '::',
    'ff02::1',
    '100::1',
    '2001:db8::1',
    '3fff::1',
    '4000::1',
    '5f00::1',
    // no addresses at all
    '',
    'localhost',
    '0x7f.0.0.1',
    '2130706433',
    '127.1',
    '[::1]',
    '127.0.0.1/8',
  ],
} as const;

describe('addressKind', () => {
  for (const [kind, addresses] of Object.entries(table)) {
    for (const address of addresses) {
      it(`calls ${address === '' ? 'nothing' : address} ${kind}`, () => {
        assert.equal(addressKind(address), kind);
      });
    }
  }
});
