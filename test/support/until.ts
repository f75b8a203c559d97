/** The one way tests wait: for a condition, with a deadline, and with a claim that names what did not come true. */
const POLL_MS = 10;

export async function until(claim: string, deadlineMs: number, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const endsAtMs = performance.now() + deadlineMs;
  while (!(await isTrue())) {
    if (performance.now() >= endsAtMs) throw new Error(`not within ${String(deadlineMs)} ms: ${claim}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
