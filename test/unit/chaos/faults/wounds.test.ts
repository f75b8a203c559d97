import { describe, expect, it } from 'vitest';
import { Wounds, type Fault } from '../../../../chaos/faults/fault.ts';
import { rulesOf } from '../../../../chaos/faults/partition.ts';

function recorded(
  name: string,
  log: string[],
  fails: { readonly strike?: boolean; readonly heal?: boolean } = {},
  leaves: Fault['leaves'] = 'a wound',
): Fault {
  return {
    name,
    leaves,
    strike: async () => {
      log.push(`strike ${name}`);
      if (fails.strike === true) throw new Error(`${name} broke off`);
      return name;
    },
    heal: async () => {
      log.push(`heal ${name}`);
      if (fails.heal === true) throw new Error('stuck');
    },
  };
}

describe('wounds', () => {
  it('are healed in the opposite order, and each once', async () => {
    const log: string[] = [];
    const wounds = new Wounds();
    const [a, b] = [recorded('a', log), recorded('b', log)];
    await wounds.strike(a);
    await wounds.strike(b);
    expect(await wounds.healAll()).toEqual([]);
    expect(await wounds.healAll()).toEqual([]);
    expect(log).toEqual(['strike a', 'strike b', 'heal b', 'heal a']);
  });

  it('are none when a fault leaves nothing', async () => {
    const log: string[] = [];
    const wounds = new Wounds();
    await wounds.strike(recorded('a', log, {}, 'nothing'));
    expect(wounds.count).toBe(0);
    await wounds.healAll();
    expect(log).toEqual(['strike a']);
  });

  it('include a fault that struck only halfway', async () => {
    const log: string[] = [];
    const wounds = new Wounds();
    await expect(wounds.strike(recorded('a', log, { strike: true }))).rejects.toThrow('broke off');
    await wounds.healAll();
    expect(log).toEqual(['strike a', 'heal a']);
  });

  it('that cannot be healed are told, and keep no other from being healed', async () => {
    const log: string[] = [];
    const wounds = new Wounds();
    await wounds.strike(recorded('a', log));
    await wounds.strike(recorded('b', log, { heal: true }));
    expect(await wounds.healAll()).toEqual(['b: stuck']);
    expect(log).toContain('heal a');
    expect(wounds.count).toBe(1);
  });
});

describe('the rules of a partition', () => {
  const addresses = ['10.1.2.21', '10.1.2.22'];

  it('drop both ways, or only what comes in, or only what goes out', () => {
    const both = rulesOf('t', { direction: 'both' }, addresses);
    expect(both).toContain('hook input');
    expect(both).toContain('hook output');
    expect(rulesOf('t', { direction: 'deaf' }, addresses)).not.toContain('hook output');
    expect(rulesOf('t', { direction: 'mute' }, addresses)).not.toContain('hook input');
  });

  it('name the others only: whoever watches from outside stays connected', () => {
    expect(rulesOf('t', { direction: 'deaf' }, addresses)).toContain('ip saddr { 10.1.2.21, 10.1.2.22 } drop');
  });
});
