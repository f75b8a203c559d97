import { describe, expect, it } from 'vitest';
import { appError } from '../../../../shared/errors.ts';
import { EdgeLog } from '../../../../shared/logging/edge-log.ts';
import { createLogger } from '../../../../shared/logging/logger.ts';
import type { Logger } from '../../../../shared/logging/logger.ts';
import { redactFields, redactText } from '../../../../shared/logging/redact.ts';

function capture(level: 'info' | 'warn' = 'info'): {
  readonly log: Logger;
  readonly text: () => string;
  readonly lines: () => Record<string, unknown>[];
} {
  let text = '';
  const log = createLogger({ level, name: 'agent', base: { node: 'pg1' }, destination: { write: (line) => void (text += line) } });
  const lines = (): Record<string, unknown>[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, text: () => text, lines };
}

describe('the logger', () => {
  it('writes one JSON object a line, with time, level, program and base fields', () => {
    const { lines, log } = capture();
    log.info({ epoch: 7n }, 'elected');
    log.debug('not shown');
    expect(lines()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        name: 'agent',
        pid: process.pid,
        node: 'pg1',
        epoch: '7',
        msg: 'elected',
      },
    ]);
  });

  it('never writes a secret: by key at any depth, in text, in messages and in child loggers', () => {
    const { log, text } = capture();
    log.info({ secrets: { superuserPassword: 'hunter2' }, peerToken: 'hunter2', a: { b: [{ password: 'hunter2' }] } }, 'x');
    log.info(
      { conninfo: "host=a password='hunter2 x' user=b", url: 'postgres://u:hunter2@h/db', header: 'Bearer hunter2' },
      'password=hunter2',
    );
    log.child({ token: 'hunter2' }).warn('child');
    log.error(Object.assign(new Error('cannot connect with password=hunter2'), { config: { password: 'hunter2' } }), 'failed');
    expect(text().split('\n')).toHaveLength(5);
    expect(text()).not.toContain('hunter2');
    expect(text()).toContain('host=a');
  });

  it('never writes what PostgreSQL stores instead of a password, nor the keys of a login', () => {
    const { log, text } = capture();
    const scram = 'SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy';
    const md5 = `md5${'0a'.repeat(16)}`;
    log.info(
      { verifier: scram, login: { clientKey: Buffer.from('hunter2'), serverKey: 'hunter2' }, why: `stored is ${scram}` },
      `or ${md5}`,
    );
    expect(text()).toContain('stored is ***');
    for (const secret of ['c3RvcmVk', md5, 'hunter2']) expect(text()).not.toContain(secret);
  });

  it('shows the names of secret files', () => {
    expect(redactFields({ passwordFile: '/run/secrets/pw' })).toEqual({ passwordFile: '/run/secrets/pw' });
  });

  it('writes errors with type, message, stack, own fields and cause', () => {
    const { lines, log } = capture();
    log.error({ err: appError('PGB-1201', 'all three', { cause: new Error('ECONNREFUSED') }) }, 'etcd');
    expect(lines()[0]).toMatchObject({
      msg: 'etcd',
      err: {
        type: 'AppError',
        code: 'PGB-1201',
        message: 'etcd cannot be reached: all three',
        stack: expect.stringContaining('at '),
        cause: { message: 'ECONNREFUSED' },
      },
    });
  });

  it('survives fields that point at themselves', () => {
    const { lines, log } = capture();
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    log.info({ cycle, when: new Date(0), set: new Set([1n]), map: new Map([['token', 'x']]) }, 'cycle');
    expect(lines()[0]).toMatchObject({ msg: 'cycle', when: '1970-01-01T00:00:00.000Z', set: ['1'], map: { token: '***' } });
  });

  it('leaves innocent text alone', () => {
    for (const text of ['http://10.0.0.1:8008/status', 'the password was rejected', '{"a":"b"}']) expect(redactText(text)).toBe(text);
  });
});

describe('EdgeLog', () => {
  function edges(conditionsMax = 10): {
    readonly edge: EdgeLog;
    readonly lines: () => Record<string, unknown>[];
    readonly pass: (ms: number) => void;
  } {
    const { lines, log } = capture();
    let nowMs = 0;
    return { edge: new EdgeLog({ log, now: () => nowMs, conditionsMax }), lines, pass: (ms) => void (nowMs += ms) };
  }

  it('logs a condition once, however often it is seen, and sums it up at its end', () => {
    const { edge, lines, pass } = edges();
    for (let tick = 0; tick < 50; tick += 1) {
      edge.report({ key: 'etcd', message: 'etcd does not answer', fields: { endpoint: 'a' } });
      pass(100);
    }
    expect(lines()).toHaveLength(1);
    expect(lines()[0]).toMatchObject({ level: 'warn', msg: 'etcd does not answer', condition: 'etcd', endpoint: 'a' });
    edge.clear('etcd', 'etcd answers again');
    edge.clear('etcd');
    expect(lines()).toHaveLength(2);
    expect(lines()[1]).toMatchObject({ level: 'info', msg: 'etcd answers again', seen: 50, lastedMs: 5_000 });
  });

  it('logs the change of a condition with the sum of the one before', () => {
    const { edge, lines } = edges();
    edge.report({ key: 'k', message: 'one' });
    edge.report({ key: 'k', message: 'one' });
    edge.report({ key: 'k', message: 'two', level: 'error' });
    expect(lines()[1]).toMatchObject({ level: 'error', msg: 'two', before: { message: 'one', seen: 2 } });
    expect(edge.isActive('k')).toBe(true);
  });

  it('keeps a bounded number of conditions and tells what it lets go', () => {
    const { edge, lines } = edges(3);
    for (let index = 0; index < 5; index += 1) edge.report({ key: `k${String(index)}`, message: `m${String(index)}` });
    expect(['k0', 'k1', 'k2', 'k3', 'k4'].map((key) => edge.isActive(key))).toEqual([false, false, true, true, true]);
    expect(lines().map(({ msg }) => msg)).toEqual(['m0', 'm1', 'm2', 'no longer counted: m0', 'm3', 'no longer counted: m1', 'm4']);
  });

  it('tells at the end what is still the case', () => {
    const { edge, lines } = edges();
    edge.report({ key: 'k', message: 'm' });
    edge.close();
    expect(lines()[1]).toMatchObject({ msg: 'at the end still: m', seen: 1 });
    expect(edge.isActive('k')).toBe(false);
  });
});
