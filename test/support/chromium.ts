import { chromium, type Browser } from 'playwright-core';
import { PATIENCE_MS } from './until.js';

/** Debian's Chromium, which is as slow as the machine. Its sandbox needs rights that containers and root do not give. */
export async function startChromium(): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
    timeout: PATIENCE_MS,
  });
  browser.on('context', (context) => context.setDefaultTimeout(PATIENCE_MS));
  return browser;
}
