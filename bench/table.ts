/** Tables in Markdown whose columns line up, for the terminal and for documents alike. Pure. */

/** No lines for a table without rows. */
export function table(headings: readonly string[], lines: readonly (readonly string[])[]): readonly string[] {
  if (lines.length === 0) return [];
  const widths = headings.map((heading, at) => Math.max(heading.length, ...lines.map((line) => line[at]?.length ?? 0)));
  const render = (cells: readonly string[]): string => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [render(headings), render(widths.map((width) => '-'.repeat(width))), ...lines.map(render)];
}
