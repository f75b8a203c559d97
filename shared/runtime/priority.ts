/**
 * Who decides, and who fences, goes before who works: on a machine without a free core an agent that comes late loses its lease, and a guard that comes late
 * leaves two primaries to the commit fence alone. Both do little. It must never be handed on to PostgreSQL or its tools, which do much.
 */
import { constants, getPriority, setPriority } from 'node:os';

export const URGENT = constants.priority.PRIORITY_ABOVE_NORMAL;
const ORDINARY = constants.priority.PRIORITY_NORMAL;

/** This process and what it starts from now on. Without the right to (root, CAP_SYS_NICE), or where an operator has chosen otherwise, everything stays as it is. */
export function becomeUrgent(): void {
  try {
    if (getPriority() === ORDINARY) setPriority(URGENT);
  } catch {
    // Refused: an agent of an ordinary priority does all that it should, only later when the machine is full.
  }
}

/** A process that this one has just started. */
export function makeOrdinary(pid: number): void {
  try {
    if (getPriority() === URGENT) setPriority(pid, ORDINARY);
  } catch {
    // It has ended already.
  }
}
