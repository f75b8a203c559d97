import { describe, expect, it } from 'vitest';
import type { AgentClient } from '../../../../proxy/agent-client.ts';
import type { VerifierLook } from '../../../../proxy/core/agent-answer.ts';
import { VerifierLooks } from '../../../../proxy/move/verifier-looks.ts';
import type { Router } from '../../../../proxy/router.ts';
import { epoch } from '../../../../shared/domain/epoch.ts';
import { N1, N2 } from '../core/fixture.ts';

const ORDER = { operation: 'one', from: N1, to: N2, epoch: epoch(5n) };
const KNOWN: VerifierLook = { kind: 'looked', verifier: 'SCRAM-SHA-256$…' };
const SILENT: VerifierLook = { kind: 'failed', why: 'no answer' };

type Asked = { readonly url: string; readonly user: string; readonly signal: AbortSignal };

/** `answers` by the address of the agent. */
function looks(answers: Record<string, VerifierLook>): { readonly of: VerifierLooks; readonly asked: Asked[] } {
  const asked: Asked[] = [];
  const verifierOf: AgentClient['verifierOf'] = (url, user, { signal }) => {
    asked.push({ url, user, signal });
    return Promise.resolve(answers[url] ?? SILENT);
  };
  const router = { addressOf: (member: string) => ({ host: 'h', port: 1, agentUrl: member.slice(0, 2) }) } as unknown as Router;
  return { of: new VerifierLooks({ agents: { verifierOf } as unknown as AgentClient, router }, ORDER), asked };
}

describe('what is stored for the users of a move', () => {
  it('is asked once a user, however many of their sessions ask at once or later', async () => {
    const { of, asked } = looks({ n1: KNOWN });
    expect(await Promise.all([of.of('ann'), of.of('ann'), of.of('bob')])).toEqual([KNOWN, KNOWN, KNOWN]);
    expect(await of.of('ann')).toBe(KNOWN);
    expect(asked.map(({ user }) => user)).toEqual(['ann', 'bob']);
  });

  it('is asked of the target where the leader’s agent does not say', async () => {
    const { of, asked } = looks({ n2: KNOWN });
    expect(await of.of('ann')).toBe(KNOWN);
    expect(asked.map(({ url }) => url)).toEqual(['n1', 'n2']);
  });

  it('is asked again after a failure', async () => {
    const answers: Record<string, VerifierLook> = {};
    const { of, asked } = looks(answers);
    expect(await of.of('ann')).toBe(SILENT);
    answers['n1'] = KNOWN;
    expect(await of.of('ann')).toBe(KNOWN);
    expect(asked).toHaveLength(3);
  });

  it('is known no more when the move is over, and nobody is asked for it any longer', async () => {
    const { of, asked } = looks({ n1: KNOWN });
    await of.of('ann');
    of.forget();
    expect(asked[0]?.signal.aborted).toBe(true);
    await of.of('ann');
    expect(asked).toHaveLength(2);
  });
});
