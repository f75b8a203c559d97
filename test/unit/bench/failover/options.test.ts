import { describe, expect, it } from 'vitest';
import { readOptions } from '../../../../bench/failover/options.ts';

describe('what is asked of the race', () => {
  it('is by default what ends in about a quarter of an hour: the fastest peer, commits that wait, every fault but the stall', () => {
    expect(readOptions([], '42')).toEqual({
      trials: 3,
      seed: '42',
      faults: ['switchover', 'postmaster-kill', 'node-kill', 'partition', 'etcd-leader-node-kill'],
      settings: ['fast'],
      synchronous: [true],
      json: false,
    });
  });

  it('is taken from the command line', () => {
    const args = ['--trials', '7', '--seed', 's', '--faults', 'etcd-stall,partition', '--peer-setting', 'both', '--sync', 'both', '--json'];
    expect(readOptions(args, '42')).toEqual({
      trials: 7,
      seed: 's',
      faults: ['etcd-stall', 'partition'],
      settings: ['default', 'fast'],
      synchronous: [true, false],
      json: true,
    });
    expect(readOptions(['--help'], '42')).toBeNull();
  });

  it.each([
    [['--trials', '0']],
    [['--trials', '1.5']],
    [['--faults', 'fire']],
    [['--peer-setting', 'slow']],
    [['--sync', 'toString']],
    [['--fly']],
  ])('is refused as %j', (args) => {
    expect(() => readOptions(args, '42')).toThrow(/--/);
  });
});
