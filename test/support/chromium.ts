import { chromium, type Browser } from 'playwright-core';

/** Debian's Chromium. Its sandbox needs rights that containers and root do not give. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  });
}
