import { describe, expect, it } from 'vitest';
import { proxyOfWorker, workerConfigs, workersFaults } from '../../../../shared/config/proxy-workers.ts';
import { nameSchema } from '../../../../shared/config/sections.ts';
import { proxyConfig } from '../../../integration/proxy/world.ts';

const PORTS = { rwPort: 5000, roPort: 5001 };
const api = (port: number, advertiseUrl: string | null = null): { host: string; port: number; advertiseUrl: string | null } => ({
  host: '127.0.0.1',
  port,
  advertiseUrl,
});

function faults(workers: number, port: number, advertiseUrl?: string): readonly string[] {
  return workersFaults({ ...PORTS, workers, api: { port, advertiseUrl } }).map(({ message }) => message);
}

describe('the workers of a proxy', () => {
  it('have a name, an API port and an advertised URL of their own, and everything else in common', () => {
    const config = proxyConfig({ ...PORTS, id: 'edge', workers: 3, api: api(8009, 'http://edge.example:9000') });
    const workers = workerConfigs(config);
    expect(workers.map(({ id, api: { port, advertiseUrl } }) => [id, port, advertiseUrl])).toEqual([
      ['edge.1', 8009, 'http://edge.example:9000'],
      ['edge.2', 8010, 'http://edge.example:9001'],
      ['edge.3', 8011, 'http://edge.example:9002'],
    ]);
    for (const one of workers) expect({ ...one, id: config.id, api: config.api }).toEqual(config);
  });

  it('bear names that no operator can give, and that lead back to the proxy', () => {
    const [first] = workerConfigs(proxyConfig({ ...PORTS, id: 'a-1_b', workers: 2, api: api(8009) }));
    expect(nameSchema('a name').safeParse(first?.id).success).toBe(false);
    expect(proxyOfWorker(first?.id ?? '')).toBe('a-1_b');
    expect(proxyOfWorker('a-1_b')).toBe('a-1_b');
  });

  it('never have a port that is not known beforehand', () => {
    expect(() => workerConfigs(proxyConfig({ ...PORTS, workers: 2, api: api(0) }))).toThrow(/known beforehand/);
  });

  it('may need no more ports than there are, and none that is somebody else’s', () => {
    expect(faults(16, 8009, 'http://[::1]:9000/base')).toEqual([]);
    expect(faults(2, 65_535)).toEqual([expect.stringContaining('beyond the last port')]);
    expect(faults(3, 4998)).toEqual([expect.stringContaining('and rwPort is one of them')]);
    expect(faults(4, 4998)).toHaveLength(2);
    expect(faults(2, 8009, 'http://edge.example')).toEqual([expect.stringContaining('needs a port of its own')]);
    expect(faults(2, 8009, 'http://edge.example:65535')).toEqual([expect.stringContaining('leaves no ports')]);
    expect(faults(1, 65_535, 'http://edge.example')).toEqual([]);
  });
});
