/**
 * What a proxy needs for sessions that do nothing: its resident memory with none and with many. The server behind is a stand-in, the same for all,
 * because a PostgreSQL cannot have that many sessions on an ordinary machine.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOST } from '../cli/local/plan.ts';
import { choosePorts } from '../cli/local/ports.ts';
import { PROGRAM_ROOT } from '../cli/local/programs.ts';
import { messageOf } from '../shared/errors.ts';
import { monotonicMs } from '../shared/runtime/clock.ts';
import { sleep } from '../shared/runtime/deadline.ts';
import { startProxy, type Way } from './contestants.ts';
import { PROXIES, sessionsPossible, type IdleSample, type ProxyName } from './course.ts';
import { figuresOf } from './process-figures.ts';
import { untilReady, type Running } from './programs.ts';
import { USER, type Stage } from './stage.ts';

const CLUSTER = 'idle';
const START_MS = 60_000;
const OPEN_MS = 300_000;
/** The memory counts when it no longer moves: by less than a hundredth within this time, or what it is when the patience is over. */
const STILL_MS = 2_000;
const STILL_SHARE = 0.01;
const PATIENCE_MS = 20_000;

export async function measureIdle(stage: Stage, wanted: number, onLine: (line: string) => void): Promise<readonly IdleSample[]> {
  const [port = 0] = await choosePorts(1);
  const server = start(stage, 'silent-server', [HOST, String(port)]);
  const samples: IdleSample[] = [];
  try {
    await untilReady(server, async () => said(server).includes('listening'), { withinMs: START_MS, signal: stage.signal });
    if (!(await stage.cluster.lead(CLUSTER, { host: HOST, port }, stage.signal))) throw new Error('etcd did not take the stand-in cluster');
    const sessions = Math.min(wanted, sessionsPossible(stage.openFiles));
    for (const proxy of PROXIES) {
      const sample = await measureOne(stage, proxy, port, sessions).catch((error: unknown) => {
        stage.signal.throwIfAborted();
        // Many minutes of rounds are over by now; one proxy that cannot hold its sessions must not take them along.
        onLine(`idle sessions, ${proxy}: not measured: ${messageOf(error)}`);
        return null;
      });
      if (sample === null) continue;
      samples.push(sample);
      onLine(`${String(sample.sessions)} idle sessions, ${proxy}: ${String(Math.round(sample.rssBytes / 1e6))} MB`);
    }
  } finally {
    await stage.programs.stop(server);
  }
  return samples;
}

async function measureOne(stage: Stage, proxy: ProxyName, serverPort: number, wanted: number): Promise<IdleSample> {
  const way = await startProxy(stage, proxy, { cluster: CLUSTER, port: serverPort });
  try {
    await untilLedOn(stage, way);
    const rssBytesEmpty = await settledRss(way.process.pid, stage.signal);
    const crowd = start(stage, `crowd-${proxy}`, [HOST, String(way.port), String(wanted), USER], 'crowd');
    try {
      await untilReady(crowd, async () => said(crowd) !== '', { withinMs: OPEN_MS, signal: stage.signal });
      const { opened, why } = JSON.parse(said(crowd)) as { readonly opened: number; readonly why: string | null };
      if (opened < wanted) throw new Error(`${proxy} holds ${String(opened)} of ${String(wanted)} sessions: ${why ?? 'unknown'}`);
      return { proxy, sessions: opened, rssBytesEmpty, rssBytes: await settledRss(way.process.pid, stage.signal) };
    } finally {
      await stage.programs.stop(crowd);
    }
  } finally {
    await stage.programs.stop(way.process);
  }
}

/** A crowd of one gets through. */
async function untilLedOn(stage: Stage, way: Way & { readonly process: Running }): Promise<void> {
  await untilReady(
    way.process,
    async () => {
      const scout = start(stage, `scout-${way.name}`, [HOST, String(way.port), '1', USER], 'crowd');
      const before = said(scout);
      await untilReady(scout, async () => said(scout) !== before, { withinMs: START_MS, signal: stage.signal });
      await stage.programs.stop(scout);
      return said(scout).slice(before.length).includes('"opened":1');
    },
    { withinMs: START_MS, signal: stage.signal },
  );
}

/** They are on the load's side, and not what is measured. */
function start(stage: Stage, name: string, args: readonly string[], script = name): Running {
  const file = join(PROGRAM_ROOT, 'bench', 'idle', `${script}.js`);
  return stage.programs.start({ ...stage.around(name, 'load'), command: process.execPath, args: [file, ...args], as: null });
}

function said(program: Running): string {
  return readFileSync(program.logFile, 'utf8');
}

async function settledRss(pid: number, signal: AbortSignal): Promise<number> {
  const deadline = monotonicMs() + PATIENCE_MS;
  let last = figuresOf(pid).rssBytes;
  for (;;) {
    await sleep(STILL_MS, signal);
    signal.throwIfAborted();
    const now = figuresOf(pid).rssBytes;
    if (Math.abs(now - last) < last * STILL_SHARE || monotonicMs() > deadline) return now;
    last = now;
  }
}
