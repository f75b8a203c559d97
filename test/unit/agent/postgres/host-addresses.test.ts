import { describe, expect, it } from 'vitest';
import { addressesOf, haveMoved } from '../../../../agent/postgres/host-addresses.ts';

const NEVER = new AbortController().signal;

describe('the addresses of a host', () => {
  it('are the address itself when it is one', async () => {
    expect(await addressesOf('10.0.0.7', 1_000, NEVER)).toEqual(['10.0.0.7']);
    expect(await addressesOf('fd00::7', 1_000, NEVER)).toEqual(['fd00::7']);
  });

  it('are asked for when it is a name', async () => {
    const found = await addressesOf('localhost', 5_000, NEVER);
    expect(found.some((address) => address === '127.0.0.1' || address === '::1')).toBe(true);
  });

  it('are none for a socket directory, and none for a caller that gives up', async () => {
    expect(await addressesOf('/run/postgresql', 1_000, NEVER)).toEqual([]);
    expect(await addressesOf('no-such-host.invalid', 5_000, AbortSignal.abort())).toEqual([]);
  });
});

describe('a leader has moved', () => {
  it('never when nobody can say where it is', () => {
    expect(haveMoved(['10.0.0.7'], [], false)).toBe(false);
    expect(haveMoved([], [], true)).toBe(false);
  });

  it('when none of its addresses is the one it had, even while WAL streams from there', () => {
    expect(haveMoved(['10.0.0.7'], ['10.0.0.8'], true)).toBe(true);
    expect(haveMoved(['10.0.0.7'], ['10.0.0.8'], false)).toBe(true);
  });

  it('not by a name with changing answers while WAL streams from one of them, but at once when nothing streams', () => {
    expect(haveMoved(['10.0.0.7', '10.0.0.8'], ['10.0.0.8', '10.0.0.9'], true)).toBe(false);
    expect(haveMoved(['10.0.0.7', '10.0.0.8'], ['10.0.0.8', '10.0.0.9'], false)).toBe(true);
    expect(haveMoved(['10.0.0.7', '10.0.0.8'], ['10.0.0.8', '10.0.0.7'], false)).toBe(false);
  });
});
