/**
 * NodeFile ↔ JSON text. Strict in both directions: a node file that is read wrongly is a promise that is forgotten, so whatever does not fit
 * is `malformed` and nobody acts on it. It must never repair or default a field.
 */
import { z } from 'zod';
import { decodeLeader, decodeNode, encodeLeader, encodeNode, type Decoded } from '../../shared/dcs/records.ts';
import { epoch } from '../../shared/domain/epoch.ts';
import { parseIncarnation } from '../../shared/domain/node-id.ts';
import { timelineId } from '../../shared/domain/timeline.ts';
import { messageOf } from '../../shared/errors.ts';
import type { NodeFile } from './port.ts';

const FORMAT_VERSION = 1;

const epochText = z.string().regex(/^(0|[1-9][0-9]{0,19})$/);

const schema = z.strictObject({
  version: z.literal(FORMAT_VERSION),
  incarnation: z.string(),
  systemId: z.string().min(1).nullable(),
  etcdClusterId: z.string().nullable(),
  etcdRevision: z.string(),
  etcdRepair: epochText.nullable(),
  bootCount: z.int().min(0),
  promised: epochText,
  /** The record in its own encoding, as text: it carries its own version. */
  accepted: z.string().nullable(),
  promotion: z.strictObject({ epoch: epochText, timeline: z.int().min(1).max(0xffff_ffff), phase: z.enum(['begun', 'done']) }).nullable(),
  dir: z.enum(['absent', 'ok', 'rebuilding']),
  unfit: z.string().nullable(),
  /** In their own encoding, too. */
  nodes: z.array(z.string()),
});

export function encodeNodeFile(file: NodeFile): string {
  const { promotion } = file;
  return JSON.stringify({
    version: FORMAT_VERSION,
    incarnation: file.incarnation,
    systemId: file.systemId,
    etcdClusterId: file.etcdClusterId,
    etcdRevision: file.etcdRevision,
    etcdRepair: file.etcdRepair?.toString() ?? null,
    bootCount: file.bootCount,
    promised: file.promised.toString(),
    accepted: file.accepted === null ? null : encodeLeader(file.accepted),
    promotion: promotion === null ? null : { epoch: promotion.epoch.toString(), timeline: promotion.timeline, phase: promotion.phase },
    dir: file.dir,
    unfit: file.unfit,
    nodes: file.nodes.map(encodeNode),
  });
}

export function decodeNodeFile(text: string): Decoded<NodeFile> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    return malformed(`not JSON: ${messageOf(error)}`);
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success) return malformed(z.prettifyError(parsed.error));
  const { data } = parsed;
  const incarnation = parseIncarnation(data.incarnation);
  if (incarnation === null) return malformed('incarnation: not twelve hexadecimal digits');
  const accepted = data.accepted === null ? null : decodeLeader(data.accepted);
  if (accepted !== null && accepted.kind === 'malformed') return malformed(`accepted: ${accepted.why}`);
  const nodes = data.nodes.map(decodeNode);
  const lost = nodes.find((node) => node.kind === 'malformed');
  if (lost?.kind === 'malformed') return malformed(`nodes: ${lost.why}`);
  const { promotion } = data;
  return {
    kind: 'ok',
    value: {
      incarnation,
      systemId: data.systemId,
      etcdClusterId: data.etcdClusterId,
      etcdRevision: data.etcdRevision,
      etcdRepair: data.etcdRepair === null ? null : epoch(BigInt(data.etcdRepair)),
      bootCount: data.bootCount,
      promised: epoch(BigInt(data.promised)),
      accepted: accepted === null ? null : accepted.value,
      promotion:
        promotion === null
          ? null
          : { epoch: epoch(BigInt(promotion.epoch)), timeline: timelineId(promotion.timeline), phase: promotion.phase },
      dir: data.dir,
      unfit: data.unfit,
      nodes: nodes.flatMap((node) => (node.kind === 'ok' ? [node.value] : [])),
    },
  };
}

function malformed(why: string): Decoded<NodeFile> {
  return { kind: 'malformed', why };
}
