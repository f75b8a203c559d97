/** The etcd door over TLS with client certificates, and with a password whose token the member forgets. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { afterEach, describe, expect, it } from 'vitest';
import { ABSENT, type Dcs } from '../../../../shared/dcs/dcs.ts';
import { createEtcdDcs } from '../../../../shared/dcs/etcd-dcs.ts';
import { changeOf, committed, follow, recordsIn, withBudget } from '../../../support/dcs-contract.ts';
import { startEtcd, type EtcdCluster } from '../../../support/etcd.ts';
import { until } from '../../../support/until.ts';

const CALL_MS = 800;
const BUDGET_MS = 5_000;
const LATER_MS = 15_000;
const KEY = '/secure/leader';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function started(cluster: EtcdCluster): EtcdCluster {
  cleanups.push(() => cluster.stop());
  return cluster;
}

function opened(dcs: Dcs): Dcs {
  cleanups.push(() => dcs.close());
  return dcs;
}

describe('etcd that trusts certificates', () => {
  it('reads, changes and watches with one, comes back after a restart, and is unavailable without', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'pgbaton-tls-'));
    cleanups.push(() => rm(dir, { recursive: true, force: true }));
    const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=agent',
    ];
    execFileSync('openssl', [...request, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const cluster = started(await startEtcd({ members: 1, tls: { ca: cert, cert, key } }));
    const [certificate, privateKey] = await Promise.all([readFile(cert), readFile(key)]);
    const dcs = opened(
      createEtcdDcs({ endpoints: cluster.urls, callMs: CALL_MS, tls: { ca: certificate, cert: certificate, key: privateKey } }),
    );
    const watch = follow(dcs, '/secure/');
    const first = committed(await dcs.change(changeOf(KEY, ABSENT), withBudget(BUDGET_MS)));
    await until('the change is seen', BUDGET_MS, () => watch.view.has(KEY));

    await cluster.members[0]?.kill();
    await until('the member is suspect', BUDGET_MS, () => dcs.endpoints()[0]?.state === 'suspect');
    cluster.members[0]?.start();
    const second = changeOf(KEY, first.modRevision);
    committed(await dcs.change(second, withBudget(LATER_MS)));
    await until('the change is seen after the restart', LATER_MS, () => watch.view.get(KEY) === second.value);

    const stranger = opened(createEtcdDcs({ endpoints: cluster.urls, callMs: CALL_MS, tls: { ca: certificate } }));
    expect((await stranger.read([KEY], withBudget(1_000))).kind).toBe('unavailable');
  });
});

describe('etcd that asks for a password', () => {
  it('logs in, and again when the member forgot the token; refuses the wrong password without waiting', async () => {
    const cluster = started(await startEtcd({ members: 1, extraFlags: ['--bcrypt-cost', '4'] }));
    const url = cluster.urls[0] ?? '';
    const admin = new Etcd3({ hosts: url });
    await admin.user('root').create('secret');
    await admin
      .user('root')
      .addRole('root')
      .catch(async () => {
        await admin.role('root').create();
        await admin.user('root').addRole('root');
      });
    await admin.auth.authEnable();
    admin.close();

    const dcs = opened(createEtcdDcs({ endpoints: [url], callMs: CALL_MS, auth: { username: 'root', password: 'secret' } }));
    const watch = follow(dcs, '/secure/');
    const first = committed(await dcs.change(changeOf(KEY, ABSENT), withBudget(BUDGET_MS)));
    const lease = await dcs.grantLease(60, withBudget(BUDGET_MS));
    expect(await dcs.renewLease(lease ?? '', withBudget(BUDGET_MS))).toBe('renewed');
    await until('the change is seen', BUDGET_MS, () => watch.view.has(KEY));

    await cluster.members[0]?.kill();
    cluster.members[0]?.start();
    const second = changeOf(KEY, first.modRevision);
    committed(await dcs.change(second, withBudget(LATER_MS)));
    await until('the change is seen after the restart', LATER_MS, () => watch.view.get(KEY) === second.value);
    expect(await dcs.renewLease(lease ?? '', withBudget(BUDGET_MS))).toBe('renewed');

    const wrong = opened(createEtcdDcs({ endpoints: [url], callMs: CALL_MS, auth: { username: 'root', password: 'wrong' } }));
    expect(await wrong.change(changeOf(KEY, ABSENT), withBudget(LATER_MS))).toMatchObject({ kind: 'refused' });
    expect(recordsIn(await dcs.read([KEY], withBudget(BUDGET_MS)))).toMatchObject([{ value: second.value }]);
  });
});
