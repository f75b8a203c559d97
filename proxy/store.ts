/** Opens the door to etcd as the configuration describes it. Reads the certificates; an unreadable one is the operator's error, not etcd's. */
import { readFileSync } from 'node:fs';
import type { EtcdConfig } from '../shared/config/sections.ts';
import type { Dcs } from '../shared/dcs/dcs.ts';
import { createEtcdDcs } from '../shared/dcs/etcd-dcs.ts';
import { appError } from '../shared/errors.ts';
import type { Logger } from '../shared/logging/logger.ts';

/** The proxy only watches and lists itself; its calls have no lease to keep up with. */
const CALL_MS = 1_000;

export function openStore(etcd: EtcdConfig, log: Logger): Dcs {
  const { endpoints, username, password, caFile, certFile, keyFile } = etcd;
  const auth = username !== null && password !== null ? { auth: { username, password } } : {};
  const tls = { ...pemOf('ca', caFile), ...pemOf('cert', certFile), ...pemOf('key', keyFile) };
  const hasTls = endpoints.some((url) => url.startsWith('https:'));
  return createEtcdDcs({
    endpoints,
    callMs: CALL_MS,
    ...auth,
    ...(hasTls ? { tls } : {}),
    onEvent: (event) => {
      log.debug(event, `etcd.${event.kind}`);
    },
  });
}

function pemOf<Name extends string>(name: Name, path: string | null): Partial<Record<Name, Buffer>> {
  if (path === null) return {};
  try {
    return { [name]: readFileSync(path) } as Record<Name, Buffer>;
  } catch (error) {
    throw appError('PGB-1106', path, { cause: error });
  }
}
