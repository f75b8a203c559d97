/**
 * Who is meant. A *node name* is what the operator wrote; an *incarnation* is one life of its data; a *member id* is both. Acknowledged
 * WAL belongs to incarnations: a node that was wiped and cloned again is somebody else (H9). A name alone identifies nobody.
 */
import type { Brand } from './brand.ts';

export type NodeName = Brand<string, 'NodeName'>;
export type Incarnation = Brand<string, 'Incarnation'>;
/** `name~incarnation`; also the node's application_name, so it must stay below 64 bytes (NAMEDATALEN). */
export type MemberId = Brand<string, 'MemberId'>;

const NODE_NAME = /^[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?$/;
const INCARNATION = /^[0-9a-f]{12}$/;

/** 1–40 characters of a–z, 0–9, `-`, `_`, beginning and ending with a letter or digit; null otherwise. */
export function parseNodeName(text: string): NodeName | null {
  return NODE_NAME.test(text) ? (text as NodeName) : null;
}

export function parseIncarnation(text: string): Incarnation | null {
  return INCARNATION.test(text) ? (text as Incarnation) : null;
}

export function memberId(name: NodeName, incarnation: Incarnation): MemberId {
  return `${name}~${incarnation}` as MemberId;
}

export function parseMemberId(text: string): MemberId | null {
  const [name, incarnation, extra] = text.split('~');
  if (name === undefined || incarnation === undefined || extra !== undefined) return null;
  return parseNodeName(name) !== null && parseIncarnation(incarnation) !== null ? (text as MemberId) : null;
}

export function nameOf(member: MemberId): NodeName {
  return member.slice(0, member.indexOf('~')) as NodeName;
}

/** The physical replication slot of a member: slot names allow lower-case letters, digits and underscores only. */
export function slotName(member: MemberId): string {
  return `pgbaton_${member.replaceAll(/[^a-z0-9_]/g, '_')}`;
}
