import { describe, expect, it } from 'vitest';
import type { Follow } from '../../../../agent/postgres/port.ts';
import {
  connectionString,
  INITIAL,
  parseRendered,
  quoteSetting,
  recordedSettings,
  renderSettings,
  stripOwned,
  type Rendered,
  type SettingsInput,
} from '../../../../agent/postgres/settings.ts';
import { PARAMETER_OWNERSHIP } from '../../../../shared/config/owned-parameters.ts';
import type { NodePostgresConfig } from '../../../../shared/config/node-config.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';

const config: NodePostgresConfig = {
  dataDir: '/srv/pg/data',
  binDir: null,
  listenAddresses: '10.0.0.1,localhost',
  port: 5433,
  advertiseHost: '10.0.0.1',
  parameters: { max_connections: '300', max_wal_senders: '32', archive_mode: 'on', archive_command: "cp %p '/ar chive/%f'" },
  hba: [],
  osUser: null,
  baseConfigFile: '/etc/pg/base.conf',
  adopt: false,
  initialize: true,
  walSegmentSizeMb: 16,
};
const input: SettingsInput = {
  config,
  name: 'node-1',
  majorVersion: 15,
  runDir: '/run/pgbaton',
  applicationName: 'node-1~0123456789ab',
  passfile: ({ epoch: value }) => `/run/pgbaton/pass-e${String(value)}`,
};
const follow: Follow = { epoch: epoch(12n), host: "ho'st\\", port: 5432, slot: 'pgbaton_node_1' };
const following: Rendered = { ...INITIAL, follow: { ...follow, addresses: ['10.0.0.7'] } };

/** The value PostgreSQL would end up with: the last line wins. */
function valueOf(text: string, name: string): string | undefined {
  return text
    .split('\n')
    .findLast((line) => line.startsWith(`${name} = `))
    ?.slice(name.length + 3);
}

describe('the rendered settings', () => {
  it('never leave synchronous_standby_names out, because a missing line lets every commit through', () => {
    for (const rendered of [INITIAL, following, { ...INITIAL, sync: { kind: 'no-wait' } as const }])
      expect(renderSettings(rendered, input)).toMatch(/^synchronous_standby_names = /m);
    expect(valueOf(renderSettings(INITIAL, input), 'synchronous_standby_names')).toBe(`'ANY 1 ("pgbaton-none")'`);
  });

  it('spare the segment of a follower its zeros, because clients wait for it, unless the operator wants them', () => {
    expect(valueOf(renderSettings(following, input), 'wal_init_zero')).toBe(`'off'`);
    expect(valueOf(renderSettings(INITIAL, input), 'wal_init_zero')).toBeUndefined();
    const own = { ...input, config: { ...config, parameters: { wal_init_zero: 'on' } } };
    expect(valueOf(renderSettings(following, own), 'wal_init_zero')).toBe(`'on'`);
  });

  it('take the operator’s file first, then the operator’s parameters, then our own', () => {
    const lines = renderSettings(INITIAL, input).split('\n');
    const at = (start: string): number => lines.findLastIndex((line) => line.startsWith(start));
    expect(at('include_if_exists')).toBeGreaterThan(0);
    expect(at('include_if_exists')).toBeLessThan(at('max_connections'));
    expect(at('max_connections')).toBeLessThan(at('restart_after_crash'));
    expect(valueOf(lines.join('\n'), 'max_wal_senders')).toBe("'32'");
  });

  it('attach to nobody without a target, and with one by the passfile of its epoch, under the member id', () => {
    expect(valueOf(renderSettings(INITIAL, input), 'primary_conninfo')).toBe("''");
    expect(valueOf(renderSettings(INITIAL, input), 'primary_slot_name')).toBe("''");
    const text = renderSettings(following, input);
    expect(valueOf(text, 'primary_conninfo')).toContain("passfile=''/run/pgbaton/pass-e12''");
    expect(valueOf(text, 'primary_conninfo')).toContain("application_name=''node-1~0123456789ab''");
    expect(valueOf(text, 'primary_slot_name')).toBe("'pgbaton_node_1'");
    expect(text).not.toMatch(/password=/);
  });

  it('give the addresses of the leader beside its name, so that the receiver never waits for a name server', () => {
    const at = (...addresses: readonly string[]): string | undefined =>
      valueOf(renderSettings({ ...INITIAL, follow: { ...follow, host: 'n1', addresses } }, input), 'primary_conninfo');
    expect(at()).toContain("host=''n1'' port=");
    expect(at('10.0.0.7')).toContain("host=''n1'' hostaddr=''10.0.0.7'' port=''5432''");
    expect(at('10.0.0.7', 'fd00::7')).toContain("host=''n1,n1'' hostaddr=''10.0.0.7,fd00::7'' port=''5432''");
  });

  it('attach to nobody while it is unknown whose data the directory holds', () => {
    expect(valueOf(renderSettings(following, { ...input, applicationName: null }), 'primary_conninfo')).toBe("''");
  });

  it('archive only while open', () => {
    expect(valueOf(renderSettings(INITIAL, input), 'archive_command')).toBe("''");
    expect(valueOf(renderSettings({ ...INITIAL, open: true }, input), 'archive_command')).toBe("'cp %p ''/ar chive/%f'''");
    expect(valueOf(renderSettings(INITIAL, input), 'archive_mode')).toBe("'on'");
  });

  it('name nothing that the version does not know: one unknown name makes PostgreSQL ignore every reload', () => {
    expect(renderSettings(INITIAL, { ...input, majorVersion: 15 })).toMatch(/promote_trigger_file/);
    expect(renderSettings(INITIAL, { ...input, majorVersion: 16 })).not.toMatch(/promote_trigger_file/);
    expect(renderSettings(INITIAL, { ...input, majorVersion: 14 })).not.toMatch(/archive_library/);
    expect(renderSettings(INITIAL, { ...input, majorVersion: 17 })).not.toMatch(/idle_replication_slot_timeout/);
  });

  it('say in their first line what they were rendered from', () => {
    for (const rendered of [INITIAL, following, { ...following, open: true, leavingEmpty: true, sync: { kind: 'no-wait' } as const }])
      expect(parseRendered(renderSettings(rendered, input))).toEqual(rendered);
    expect(parseRendered('shared_buffers = 1GB\n')).toBeNull();
    expect(parseRendered('# pgbaton {"sync":1}\n')).toBeNull();
  });

  it('tell initdb what the control file must say, so that the directory can start as a standby', () => {
    expect(recordedSettings(config)).toEqual({ wal_level: 'logical', wal_log_hints: 'on', max_connections: '300', max_wal_senders: '32' });
  });
});

describe('quoting', () => {
  it('survives quotes and backslashes through both layers', () => {
    expect(quoteSetting("a'b\\c")).toBe("'a''b\\\\c'");
    expect(connectionString({ host: "ho'st\\" })).toBe("host='ho\\'st\\\\'");
  });
});

describe('postgresql.auto.conf', () => {
  it('loses the lines that would overrule us, and keeps the operator’s', () => {
    const text =
      "# Do not edit\nwork_mem = '8MB'\nprimary_conninfo = 'host=x password=y'\nSynchronous_Standby_Names = ''\n  synchronous_commit = off\nrestore_command='cp'\n";
    expect(stripOwned(text)).toBe("# Do not edit\nwork_mem = '8MB'\n");
    expect(stripOwned("work_mem = '8MB'\n")).toBeNull();
  });

  it('loses every setting that the configuration refuses to operators', () => {
    const notInFiles = new Set([
      'config_file',
      'hba_file',
      'ident_file',
      'data_directory',
      'external_pid_file',
      'include',
      'include_dir',
      'include_if_exists',
    ]);
    const missed = Object.keys(PARAMETER_OWNERSHIP).filter((name) => !notInFiles.has(name) && stripOwned(`${name} = x\n`) === null);
    expect(missed).toEqual([]);
  });
});
