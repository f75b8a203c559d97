/**
 * A real browser for tests that look at pages, as `npm run test:browser` has found it. It draws with the fonts that came with it where the machine has
 * none, and keeps everything it writes in a folder that is removed.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

/** Null: there is none, and nothing can be looked at. */
export const BROWSER = process.env['PGBATON_BROWSER'] ?? null;

export type OpenBrowser = { readonly browser: Browser; readonly close: () => Promise<void> };

export async function openBrowser(executablePath: string): Promise<OpenBrowser> {
  const home = mkdtempSync(join(tmpdir(), 'pgbaton-browser-'));
  const config = join(home, 'fonts.conf');
  writeFileSync(config, fontConfig(executablePath, home));
  const remove = (): void => {
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const browser = await chromium.launch({ executablePath, env: { ...process.env, HOME: home, FONTCONFIG_FILE: config } });
    return {
      browser,
      close: async () => {
        await browser.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** An unpacked browser has its fonts beside it, where no system looks for any. */
function fontConfig(executablePath: string, home: string): string {
  const unpacked = join(dirname(dirname(executablePath)), 'root/usr/share/fonts');
  const dirs = [unpacked, '/usr/share/fonts', '/usr/local/share/fonts'].map((dir) => `<dir>${dir}</dir>`).join('');
  return `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>${dirs}<cachedir>${home}</cachedir></fontconfig>`;
}
