/** A certificate of one's own for 127.0.0.1, with its key, for a cluster of some minutes. It must never be used where anybody else could listen. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export function writeCertificate(dir: string, name: string): { readonly certFile: string; readonly keyFile: string } {
  const [certFile, keyFile] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)];
  const args = [
    'req',
    '-new',
    '-x509',
    '-subj',
    '/CN=127.0.0.1',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-days',
    '2',
    '-nodes',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
  ];
  execFileSync('openssl', [...args, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
  return { certFile, keyFile };
}
