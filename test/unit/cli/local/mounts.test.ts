import { describe, expect, it } from 'vitest';
import { parseMounts } from '../../../../cli/local/mounts.ts';

const MOUNT_INFO = [
  '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw',
  '30 22 0:30 / /tmp/c/nodes/n1 rw shared:2 - tmpfs tmpfs rw,size=300m',
  '31 30 7:0 / /tmp/c/nodes/n1/deep\\040er rw - ext4 /dev/loop0 rw',
  '32 22 0:31 / /tmp/cc/nodes/n1 rw - tmpfs tmpfs rw',
  '33 22 0:32 / /tmp/c rw - tmpfs tmpfs rw',
  '',
].join('\n');

describe('the mounts inside a directory', () => {
  it('are found deepest first, and neither the directory itself nor a namesake is among them', () => {
    expect(parseMounts(MOUNT_INFO, '/tmp/c')).toEqual(['/tmp/c/nodes/n1/deep er', '/tmp/c/nodes/n1']);
  });
});
