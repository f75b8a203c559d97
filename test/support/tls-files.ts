/** A certificate of one's own for 127.0.0.1, with its key, in a folder that goes with the test. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { TlsFiles } from '../../proxy/client-tls.ts';

export function writeCertificate(dir: string, name: string): TlsFiles {
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
