/** The whole proxy process, as the CLI starts it, on a real etcd. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { createEtcdDcs } from '../../../shared/dcs/etcd-dcs.ts';
import { keysOf } from '../../../shared/dcs/keys.ts';
import { runProxy } from '../../../proxy/main.ts';
import { startEtcd } from '../../support/etcd.ts';
import { freePort } from '../../support/free-ports.ts';
import { until } from '../../support/until.ts';
import { RawClient, startupPacket } from './raw-client.ts';
import { ScriptedServer } from './scripted-server.ts';
import { FakeNode, leaderText, proxyConfig } from './world.ts';

const cleanups: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

it('follows a leader in etcd, survives a restart of etcd without moving a session, and ends when it is told to', async () => {
  const etcd = await startEtcd({ members: 1 });
  cleanups.push(() => etcd.stop());
  const server = await new ScriptedServer().listen();
  cleanups.push(() => server.close());
  const node = new FakeNode('n1', server.port);
  await node.listen();
  cleanups.push(() => node.close());
  const endpoints = etcd.members.map(({ url }) => url);
  const dcs = createEtcdDcs({ endpoints, callMs: 1_000 });
  cleanups.push(() => dcs.close());
  const stop = new AbortController();
  const call = { budgetMs: 5_000, signal: stop.signal };
  const keys = keysOf('test');
  const config = {
    ...proxyConfig({
      rwPort: await freePort(),
      roPort: await freePort(),
      api: { host: '127.0.0.1', port: await freePort(), advertiseUrl: null },
    }),
    etcd: { ...proxyConfig().etcd, endpoints },
  };
  const running = runProxy(config, stop.signal);

  const isListed = async (): Promise<boolean> => {
    const outcome = await dcs.read([keys.proxy('p1')], call);
    return outcome.kind === 'read' && outcome.records.length === 1;
  };
  await until('the proxy is listed', 5_000, isListed);
  const held = new RawClient(config.rwPort).send(startupPacket({ user: 'ann' }));
  expect(await dcs.put({ key: `${keys.nodes}n1`, value: node.record }, call)).toBe(true);
  expect(await dcs.put({ key: keys.leader, value: leaderText(node, 1, 1) }, call)).toBe(true);
  await held.untilMessage('Z');

  await etcd.members[0]?.kill();
  const duringOutage = new RawClient(config.rwPort).send(startupPacket({ user: 'ann' }));
  await duringOutage.untilMessage('Z');
  etcd.members[0]?.start();
  const released = leaderText(node, 1, 2, { kind: 'released', final: null });
  await until('the new record is written', 10_000, () => dcs.put({ key: keys.leader, value: released }, call));
  await held.until('the sessions are cut after the watch is back', () => held.ended === 'end' && duringOutage.ended === 'end', 10_000);
  expect([held.errorCode, duringOutage.errorCode]).toEqual(['57P01', '57P01']);

  stop.abort('SIGTERM');
  expect(await Promise.race([running.then(() => 'ended'), delay(5_000, 'still running')])).toBe('ended');
});
