/** What a proxy wrote down of the leaders it learned of. Pure. */

/** When it learned of the first leader beyond this epoch, by the wall clock; null: of none. Lines that are no JSON are other programs' words. */
export function newsBeyondMs(log: string, epoch: number): number | null {
  for (const line of log.split('\n')) {
    if (!line.includes('"view.leader"')) continue;
    const entry = parsed(line);
    if (entry === null || entry.msg !== 'view.leader' || !(Number(entry.epoch) > epoch)) continue;
    const atMs = Date.parse(String(entry.time));
    if (Number.isFinite(atMs)) return atMs;
  }
  return null;
}

function parsed(line: string): { readonly msg?: unknown; readonly epoch?: unknown; readonly time?: unknown } | null {
  try {
    return JSON.parse(line) as object;
  } catch {
    // A line cut off while it was being written.
    return null;
  }
}
