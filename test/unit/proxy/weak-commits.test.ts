import { expect, it } from 'vitest';
import { WeakCommits } from '../../../proxy/weak-commits.ts';

it('counts who is there and who was there, value by value', () => {
  const commits = new WeakCommits('allow');
  const leave = commits.enter('off');
  commits.enter('off');
  commits.enter('remote_write');
  leave();
  commits.countRefusal();
  expect(commits.counts).toEqual({
    policy: 'allow',
    sessions: { off: { open: 1, total: 2 }, local: { open: 0, total: 0 }, remote_write: { open: 1, total: 1 } },
    refused: 1,
  });
});
