import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../../cli/failure.ts';
import { buildProgram, verbNames } from '../../../cli/program.ts';
import type { Terminal } from '../../../cli/terminal.ts';

const manual = readFileSync(new URL('../../../docs/CLI.md', import.meta.url), 'utf8');

function captured(): { readonly terminal: Terminal; readonly text: () => string } {
  let text = '';
  const out = (more: string): void => {
    text += more;
  };
  return { terminal: { out, err: out, canAsk: false, outIsTerminal: false, env: {}, paint: (_, plain) => plain }, text: () => text };
}

describe('the command line', () => {
  it('has its manual list every verb under a heading of its own', () => {
    const verbs = verbNames(buildProgram({ terminal: captured().terminal }));
    expect(verbs).toContain('local up');
    expect(verbs).not.toContain('local supervise');
    for (const verb of verbs) expect(manual).toMatch(new RegExp(`^#+ \`pgbaton ${verb}\\b`, 'm'));
  });

  it('has its manual list every option of every verb', () => {
    const program = buildProgram({ terminal: captured().terminal });
    const visible = program.commands
      .flatMap((one) => (one.commands.length > 0 ? one.commands : [one]))
      .filter((one) => one.name() !== 'supervise');
    for (const command of visible)
      for (const option of command.options) expect(manual, `${command.name()} ${option.flags}`).toContain(`\`${option.long ?? ''}`);
  });

  it('has its manual and --help list the same exit codes', async () => {
    const { terminal, text } = captured();
    await expect(buildProgram({ terminal }).parseAsync(['--help'], { from: 'user' })).rejects.toMatchObject({ exitCode: 0 });
    for (const { code, meaning } of EXIT_CODES) {
      expect(text()).toContain(`${String(code)}  ${meaning}`);
      expect(manual).toContain(`| ${String(code)} | ${meaning} |`);
    }
  });

  it('refuses to switch over without a terminal to ask at, before anything is sent', async () => {
    const { requireConsent } = await import('../../../cli/confirm.ts');
    await expect(requireConsent(captured().terminal, false, ['risk'], 'Go?')).rejects.toThrow('no terminal');
  });
});
