import { type Browser, chromium } from 'playwright-core';
import { findProgram } from './program.ts';

/** A real browser without a window. It asks nobody for anything by itself. Throws one line that says what to install. */
export async function openBrowser(extraArgs: readonly string[] = []): Promise<Browser> {
  const executablePath = await findProgram({
    variable: 'CHROMIUM_BIN',
    names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    installers: [
      {
        command: 'apt-get',
        needsRoot: true,
        steps: [['update'], ['install', '-y', '--no-install-recommends', 'chromium']],
      },
      { command: 'dnf', needsRoot: true, steps: [['install', '-y', 'chromium']] },
      { command: 'apk', needsRoot: true, steps: [['add', '--no-cache', 'chromium']] },
    ],
    missing: 'The tests of pages need a browser: install chromium (or Google Chrome), or set CHROMIUM_BIN.',
  });
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // The room for shared memory is small in containers.
      '--disable-dev-shm-usage',
      ...extraArgs,
    ],
  });
}
