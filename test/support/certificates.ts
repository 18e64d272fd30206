import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files of a certificate and its key. */
export interface Certificate {
  certificate: string;
  key: string;
}

/** An authority of our own, made by openssl, that signs for the names it is given. */
export interface Authority {
  /** File of its own certificate. */
  certificate: string;
  /** @param names as in a certificate: `DNS:localhost`, `IP:127.0.0.1` */
  sign(name: string, ...names: string[]): Certificate;
}

export const hasOpenssl = (): boolean => spawnSync('openssl', ['version']).status === 0;

export function authority(folder: string, name: string): Authority {
  const own = request(folder, name, ['-x509', '-days', '2']);
  return {
    certificate: own.certificate,
    sign(leaf, ...names) {
      const { certificate: wish, key } = request(folder, leaf, []);
      const certificate = join(folder, `${leaf}.signed.pem`);
      const extensions = join(folder, `${leaf}.extensions`);
      writeFileSync(extensions, `subjectAltName=${names.join(',')}\n`);
      openssl(
        ...['x509', '-req', '-in', wish, '-out', certificate, '-days', '2'],
        ...['-CA', own.certificate, '-CAkey', own.key, '-CAcreateserial', '-extfile', extensions],
      );
      return { certificate, key };
    },
  };
}

function request(folder: string, name: string, more: readonly string[]): Certificate {
  const made = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  openssl(
    ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-subj', `/CN=${name}`, '-keyout', made.key, '-out', made.certificate, ...more],
  );
  return made;
}

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}:\n${stderr}`);
}
