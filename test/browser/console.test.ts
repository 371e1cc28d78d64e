import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Call } from '../../src/call/call.js';
import { LANGUAGES, type ConsoleRole } from '../../src/config/schema.js';
import { exampleCall, exampleLeg, exampleHolder } from '../redis/examples.js';
import { startChromium } from '../support/chromium.js';
import { openConsole, PASSWORD } from '../support/console.js';
import { endedCall } from '../support/recording-house.js';
import { eventually } from '../support/until.js';
import { wavBytes } from '../support/wav-bytes.js';

/** Kept by CI. */
const ARTIFACTS = 'var/artifacts/console';
const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const SECONDS = 8;

let browser: Browser;

beforeAll(async () => {
  mkdirSync(ARTIFACTS, { recursive: true });
  browser = await startChromium();
});
afterAll(() => browser.close());

/** A talk of 8 s: the caller for 2 s, silence for 4 s, the business for 2 s. */
const talk = () =>
  wavBytes(
    SECONDS,
    (n) => (n < 16_000 ? Math.round(9000 * Math.sin(n / 3)) : 0),
    (n) => (n >= 48_000 ? Math.round(6000 * Math.sin(n / 7)) : 0),
  );

/** A console with some calls of every kind. */
async function openWorld() {
  const holder = exampleHolder({ leasedAt: Date.now() - 600_000, expiresAt: Date.now() + 600_000 });
  const world = await openConsole({ holders: [holder] });
  const heard = await world.end(endedCall(SECONDS, { legs: [leg()] }), talk());
  const base = exampleCall();
  const lost = (number: string, lossReason: Call['lossReason'], minutes: number) => {
    const startedAt = new Date(Date.now() - minutes * 60_000).toISOString();
    const caller = { ...base.caller, number, name: 'A caller who says in many words who he is and for whom he calls' };
    const fields = { caller, disposition: 'missed', lossReason, answeredAt: null } as const;
    return world.end(endedCall(0, { ...fields, startedAt }));
  };
  await lost('+79160000011', 'destination_capacity', 30);
  await lost('+998901234567', 'no_answer', 90);
  const live = exampleCall({
    startedAt: new Date().toISOString(),
    answeredAt: new Date().toISOString(),
    legs: [leg()],
  });
  const { told } = await world.talk(live);
  return { ...world, heard, live, told };
}

function leg(): Call['legs'][number] {
  const at = (ms: number) => new Date(Date.now() - SECONDS * 1000 + ms).toISOString();
  const times = { startedAt: at(0), ringingAt: at(100), answeredAt: at(900), endedAt: null };
  return exampleLeg({ ...times, result: 'answered', sip: 200 });
}

interface Seat {
  page: Page;
  /** What the browser complained about: refused scripts and styles, failed requests, errors of scripts. */
  complaints: string[];
}

async function sit(context: BrowserContext, url: string, name: string | null): Promise<Seat> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    // Without an address it is of what the test itself put in: axe tries a style sheet.
    if (message.type() === 'error' && message.location().url !== '') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(`${url}/login`);
  if (name !== null) {
    await page.fill('input[name=name]', name);
    await page.fill('input[name=password]', PASSWORD);
    await page.press('input[name=password]', 'Enter');
    await page.waitForURL((address) => !address.pathname.startsWith('/login'));
  }
  return { page, complaints };
}

interface AxeResult {
  violations: { id: string; impact: string | null; nodes: { html: string; failureSummary: string }[] }[];
}

async function beginningOf(stream: string, cookie: string): Promise<string> {
  const { body } = await fetch(stream, { headers: { cookie } });
  if (body === null) throw new Error(`${stream} answered without a body`);
  for await (const bytes of body) return Buffer.from(bytes as Uint8Array).toString();
  return '';
}

async function expectAccessible(page: Page, what: string): Promise<void> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate<AxeResult>('axe.run(document)');
  const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const told = bad.map(({ id, nodes }) => [
    id,
    nodes.slice(0, 3).map(({ html, failureSummary }) => [html, failureSummary]),
  ]);
  expect(told, what).toEqual([]);
}

/** Callers' numbers of a list that stand in more than one line. */
const numbersInPieces = (page: Page): Promise<string[]> =>
  page.evaluate(`[...document.querySelectorAll('tbody td.who')].flatMap((cell) => {
    const text = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT).nextNode();
    const [shown] = text.data.split(' · ');
    const number = document.createRange();
    number.setStart(text, 0);
    number.setEnd(text, shown.length);
    return number.getClientRects().length === 1 ? [] : [shown];
  })`);

/** Who looks at which page; the heading in the three languages. */
const PAGES: readonly { role: ConsoleRole; path: string; wait?: string }[] = [
  { role: 'supervisor', path: '/calls' },
  { role: 'supervisor', path: '/calls/:heard', wait: '#player[data-drawn]' },
  { role: 'supervisor', path: '/calls/:heard/attribution' },
  { role: 'supervisor', path: '/calls/:live' },
  { role: 'supervisor', path: '/missed' },
  { role: 'supervisor', path: '/live', wait: '#live-state:not(:text("…"))' },
  { role: 'supervisor', path: '/capacity' },
  { role: 'supervisor', path: '/operators' },
  { role: 'supervisor', path: '/deliveries' },
  { role: 'auditor', path: '/audit' },
];

describe('every page in a real browser', () => {
  it.each(LANGUAGES)('is shown in %s, complete, accessible, and without anything refused', async (language) => {
    const { url, heard, live } = await openWorld();
    const headings: string[] = [];
    const look = language === 'ru' ? 'dark' : 'light';
    const open = () =>
      browser.newContext({ locale: language, colorScheme: look, viewport: { width: 1280, height: 900 } });
    const contexts: BrowserContext[] = [];
    const stranger = await open();
    contexts.push(stranger);
    const door = await sit(stranger, url, null);
    await expectAccessible(door.page, 'login');
    await door.page.screenshot({ path: `${ARTIFACTS}/${language}-login.png` });
    for (const role of ['supervisor', 'auditor'] as const) {
      const context = await open();
      contexts.push(context);
      const { page, complaints } = await sit(context, url, role);
      for (const { path, wait } of PAGES.filter((one) => one.role === role)) {
        await page.goto(url + path.replace(':heard', heard.id).replace(':live', live.id));
        if (wait) await page.waitForSelector(wait, { state: 'attached' });
        expect(await page.getAttribute('html', 'lang')).toBe(language);
        headings.push((await page.textContent('h1')) ?? '');
        expect(complaints, path).toEqual([]);
        await expectAccessible(page, `${language} ${path}`);
        const name = path.slice(1).replace(/\W+/g, '-');
        await page.screenshot({ path: `${ARTIFACTS}/${language}-${name}.png`, fullPage: true });
      }
      expect(complaints).toEqual([]);
    }
    expect(new Set(headings).size).toBe(PAGES.length);
    await Promise.all(contexts.map((context) => context.close()));
  });

  it('shows a tag whole, however long its words are', async () => {
    const { url, end } = await openConsole();
    const tag = { name: `not-a-lead-${'x'.repeat(53)}`, by: 'olga', at: new Date().toISOString() };
    const call = await end(endedCall(0, { tags: [tag] }));
    const context = await browser.newContext();
    const { page } = await sit(context, url, 'supervisor');
    for (const path of ['/calls', `/calls/${call.id}`]) {
      await page.goto(url + path);
      const tags = page.locator('.tag', { hasText: tag.name });
      const widths = await tags.evaluateAll((all) =>
        all.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth),
      );
      expect(widths, path).toEqual([0]);
    }
    await context.close();
  });

  it('shows a number in one line, however long it is, and whatever its owner is called', async () => {
    const { url, end, talk } = await openConsole();
    const { caller: base } = exampleCall();
    const named = (number: string) => ({ ...base, number, name: 'Константинопольская Александра' });
    for (const number of ['+998901234012', '+491575012345678'])
      await end(
        endedCall(0, { caller: named(number), disposition: 'missed', lossReason: 'no_answer', answeredAt: null }),
      );
    await talk(exampleCall({ caller: named('+998901234013'), answeredAt: new Date().toISOString() }));
    const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
    const { page } = await sit(context, url, 'supervisor');
    for (const path of ['/calls', '/missed', '/live']) {
      await page.goto(url + path);
      await page.waitForSelector('tbody td.who');
      expect(await numbersInPieces(page), path).toEqual([]);
    }
    await context.close();
  });

  it('fits a phone, and is readable in the dark there', async () => {
    const { url, heard, live } = await openWorld();
    const context = await browser.newContext({
      viewport: { width: 375, height: 700 },
      colorScheme: 'dark',
      hasTouch: true,
    });
    const { page, complaints } = await sit(context, url, 'supervisor');
    const one = [`/calls/${heard.id}`, `/calls/${heard.id}/attribution`, `/calls/${live.id}`];
    for (const path of ['/calls', ...one, '/missed', '/live', '/capacity', '/operators']) {
      await page.goto(url + path);
      const widths = await page.evaluate<number[]>('[document.documentElement.scrollWidth, innerWidth]');
      expect(widths[0], path).toBeLessThanOrEqual(widths[1] ?? 0);
      const cut = `[...document.querySelectorAll('.scroll:has(table.rows)')].filter((one) => one.scrollWidth > one.clientWidth).length`;
      expect(await page.evaluate(cut), path).toBe(0);
      await expectAccessible(page, `phone ${path}`);
      if (path === '/calls') {
        const first = await page.locator('tbody tr').first().boundingBox();
        expect(first?.y, 'the first result').toBeLessThan(550);
      }
      await page.screenshot({
        path: `${ARTIFACTS}/phone-${path.slice(1).replace(heard.id, 'one').replace(live.id, 'live').replace(/\W+/g, '-')}.png`,
      });
    }
    await page.goto(`${url}/calls`);
    await page.click('summary:has-text("Filters")');
    await page.selectOption('select[name=disposition]', 'missed');
    await expect.poll(() => page.locator('tbody tr').count()).toBe(2);
    await page.reload();
    expect(await page.isVisible('select[name=disposition]'), 'a filter that says something').toBe(true);
    expect(complaints).toEqual([]);
    await context.close();
  });
});

describe('the player', () => {
  it('plays: time moves, by keys, at a speed, without the silence, one side alone, from a second on', async () => {
    const { url, heard, house } = await openWorld();
    const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
    const { page, complaints } = await sit(context, url, 'agent');
    const lines = async () => (await house.audit.read({ cursor: null, limit: 10, call: heard.id, sites: null })).lines;
    await page.goto(`${url}/calls/${heard.id}#t=1`, { waitUntil: 'networkidle' });
    await page.waitForSelector('#player[data-drawn]', { state: 'attached' });
    await page.click('#forward');
    expect([await page.textContent('#clock'), await lines()], 'who only looks has not listened').toEqual(['0:06', []]);
    await page.click('#back');
    const time = () => page.evaluate<number>('document.getElementById("sound").currentTime');
    await expect.poll(time).toBe(1);
    await page.click('h1');
    // What browsers send when they fill in a form: of a key, but without one.
    await page.evaluate(`document.getElementById("position").dispatchEvent(new Event("keydown", { bubbles: true }))`);
    await page.keyboard.press('p');
    await expect.poll(time).toBeGreaterThan(1.2);
    const isPaused = () => page.evaluate('document.getElementById("sound").paused');
    await page.keyboard.press('p');
    expect(await isPaused()).toBe(true);
    await page.keyboard.press('p');
    expect(await isPaused()).toBe(false);
    for (let n = 0; n < 5; n += 1) await page.keyboard.press('>');
    expect(await page.evaluate('document.getElementById("sound").playbackRate')).toBe(3);
    await page.keyboard.press('1');
    expect(await page.getAttribute('[data-mute="0"]', 'aria-pressed')).toBe('true');
    await page.keyboard.press('s');
    // Four seconds of silence from the second on are not waited for.
    await expect.poll(time, { interval: 20 }).toBeGreaterThan(5.7);
    // Not by its key: on a busy machine it may be at its end by now, where the key would begin anew.
    await page.evaluate('document.getElementById("sound").pause()');
    await page.keyboard.press('ArrowLeft');
    const at = Math.floor(await time());
    await page.keyboard.press('l');
    expect(page.url()).toBe(`${url}/calls/${heard.id}#t=${at}`);
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(page.url());
    expect(complaints).toEqual([]);
    expect((await lines()).map(({ action, who }) => [action, who])).toContainEqual([
      'recording.play',
      { kind: 'user', name: 'agent' },
    ]);
    await context.close();
  });

  it('is opened at the second of a link also by who has to log in first', async () => {
    const { url, heard } = await openWorld();
    const context = await browser.newContext();
    // Without TLS browsers have no clipboard for a page.
    await context.addInitScript('Object.defineProperty(navigator, "clipboard", { value: undefined })');
    const page = await context.newPage();
    await page.goto(`${url}/calls/${heard.id}#t=3`);
    await page.fill('input[name=name]', 'agent');
    await page.fill('input[name=password]', PASSWORD);
    await page.press('input[name=password]', 'Enter');
    await page.waitForURL(`${url}/calls/${heard.id}#t=3`);
    await expect.poll(() => page.evaluate('document.getElementById("sound").currentTime')).toBe(3);
    await page.click('#link');
    await page.waitForSelector('#said:has-text("Copied.")');
    await context.close();
  });

  it('has its slider go with the sound, also for who moves it by keys', async () => {
    const { url, heard } = await openWorld();
    const context = await browser.newContext();
    const { page } = await sit(context, url, 'agent');
    await page.goto(`${url}/calls/${heard.id}`);
    await page.waitForSelector('#player[data-drawn]', { state: 'attached' });
    await page.focus('#position');
    await page.keyboard.press('ArrowRight');
    const time = () => page.evaluate<number>('document.getElementById("sound").currentTime');
    await page.evaluate('document.getElementById("sound").play()');
    await expect.poll(time).toBeGreaterThan(3);
    await page.evaluate('document.getElementById("sound").pause()');
    const at = Math.floor(await time());
    await expect.poll(() => page.inputValue('#position')).toBe(String(at));
    await page.keyboard.press('ArrowLeft');
    expect(await time()).toBe(at - 1);
    await context.close();
  });

  it('finds nothing wrong where it is stopped before the sound has come', async () => {
    const { url, heard } = await openWorld();
    const context = await browser.newContext();
    const { page } = await sit(context, url, 'agent');
    await page.goto(`${url}/calls/${heard.id}`);
    await page.waitForSelector('#player[data-drawn]', { state: 'attached' });
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    await page.route('**/recording', async (route) => gate.then(() => route.continue()));
    await page.evaluate(`{
      const { play } = HTMLMediaElement.prototype;
      HTMLMediaElement.prototype.play = function () {
        window.playing = play.call(this);
        return window.playing;
      };
    }`);
    await page.keyboard.press('p');
    await page.keyboard.press('p');
    expect(await page.evaluate('window.playing.catch(({ name }) => name)')).toBe('AbortError');
    expect(await page.textContent('#said')).toBe('');
    goOn();
    await context.close();
  });

  it('leads to the log-in where the session is over, and tells of a recording that was deleted meanwhile', async () => {
    const { url, heard, house } = await openWorld();
    const context = await browser.newContext();
    const { page } = await sit(context, url, 'agent');
    await page.goto(`${url}/calls/${heard.id}`);
    await page.fill('#note-text', 'he says that');
    await context.clearCookies({ name: 'calltrack-session' });
    await page.click('#play');
    await page.waitForURL(/\/login/);
    await page.fill('input[name=name]', 'agent');
    await page.fill('input[name=password]', PASSWORD);
    await page.press('input[name=password]', 'Enter');
    await page.waitForURL(`${url}/calls/${heard.id}`);
    expect(await page.inputValue('#note-text')).toBe('he says that');
    const found = await house.archive.find(heard.id, null);
    if (found?.state !== 'here') throw new Error('there is a recording');
    await house.archive.remove(found, heard.id, { at: new Date().toISOString(), reason: 'request' });
    await page.click('#play');
    await page.waitForSelector('#flash:has-text("The recording has been deleted.")');
    await context.close();
  });

  it('makes a link that somebody without a log-in can listen by', async () => {
    const { url, heard } = await openWorld();
    const context = await browser.newContext();
    const { page } = await sit(context, url, 'supervisor');
    await page.goto(`${url}/calls/${heard.id}`);
    await page.click('form[action$="/recording/link"] button');
    const link = await page.inputValue('#shared-link');
    const heardByLink = await fetch(link.replace('http://127.0.0.1:8080', url));
    expect([heardByLink.status, heardByLink.headers.get('content-type')]).toEqual([200, 'audio/wav']);
    // Used once only it is heard as well: a player asks more than once.
    await page.check('input[name=once]');
    await page.click('form[action$="/recording/link"] button');
    await expect.poll(() => page.inputValue('#shared-link')).not.toBe(link);
    for (const one of [link, await page.inputValue('#shared-link')]) {
      const strange = await (await browser.newContext()).newPage();
      await strange.goto(one.replace('http://127.0.0.1:8080', url));
      await expectAccessible(strange, 'a shared link');
      await strange.screenshot({ path: `${ARTIFACTS}/shared-link.png` });
      await strange.evaluate('document.querySelector("audio").play()');
      const time = () => strange.evaluate<number>('document.querySelector("audio").currentTime');
      await expect.poll(time).toBeGreaterThan(0.3);
      await strange.evaluate('document.querySelector("audio").currentTime = 5');
      await expect.poll(time).toBeGreaterThan(5.2);
      await strange.context().close();
    }
    // Deleting asks twice, and then the page says so.
    await page.click('summary:has-text("Delete the recording")');
    await page.click('button.danger');
    await page.waitForSelector('text=It has been deleted');
    expect((await fetch(link.replace('http://127.0.0.1:8080', url))).status).toBe(410);
    await context.close();
  });
});

describe('the live page', () => {
  it('comes back by itself after an answer of somebody in front of a gateway that is away', async () => {
    const { url, inUse } = await openWorld();
    const context = await browser.newContext();
    const { page } = await sit(context, url, 'ops');
    const away = { status: 502, contentType: 'text/html', body: '<h1>Bad Gateway</h1>' };
    await page.route('**/live/stream', (route) => route.fulfill(away));
    await page.goto(`${url}/live`);
    await page.route('**/live', (route) => route.fulfill(away));
    await page.waitForSelector('#live-state:text("Connection lost")');
    await page.waitForResponse((answer) => answer.url() === `${url}/live` && answer.status() === 502);
    inUse['main-office'] = 4;
    await page.unrouteAll();
    await page.waitForSelector('#live-state:text("Connected")');
    await page.waitForSelector('text=4 of 4');
    // Refused because the session is over: then the page says so.
    await page.route('**/live/stream', (route) => route.fulfill({ status: 401 }));
    await page.reload();
    await context.clearCookies({ name: 'calltrack-session' });
    await page.waitForSelector('h1:has-text("Log in")');
    await context.close();
  });

  it('moves by itself', async () => {
    const { url, inUse, end, live } = await openWorld();
    const context = await browser.newContext();
    const { page } = await sit(context, url, 'ops');
    await page.goto(`${url}/live`);
    await page.waitForSelector('text=1 of 4');
    inUse['main-office'] = 4;
    await page.waitForSelector('tr.urgent:has-text("main-office"):has-text("4 of 4")');
    await page.waitForSelector(`a[href="/calls/${live.id}"]`);
    await end({ ...live, endedAt: new Date().toISOString(), disposition: 'answered' });
    await page.waitForSelector('text=No call is in progress.');
    await context.close();
  });

  it('says that too many look, stays as it is, and comes back by itself', async () => {
    const { url } = await openWorld();
    const context = await browser.newContext();
    const { page, complaints } = await sit(context, url, 'ops');
    const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
    const others = new AbortController();
    const looking = Array.from({ length: 200 }, () =>
      fetch(`${url}/live/stream`, { headers: { cookie }, signal: others.signal }),
    );
    expect((await Promise.all(looking)).map(({ status }) => status)).not.toContain(503);
    // As it is, but for half a minute; and then as it is, once the gateway has seen the others go.
    let full = true;
    let lastAnswer = Promise.resolve();
    const answerFull = async (route: Route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replace('retry: 30000', 'retry: 50') });
    };
    await page.route('**/live/stream', async (route) => {
      if (full) return (lastAnswer = answerFull(route));
      await eventually(async () =>
        expect(await beginningOf(`${url}/live/stream`, cookie)).not.toContain('event: full'),
      );
      await route.continue();
    });
    let shown = 0;
    page.on('framenavigated', () => (shown += 1));
    await page.goto(`${url}/live`);
    await page.waitForSelector('#live-state:text("Too many")');
    await page.waitForResponse('**/live/stream');
    await page.waitForSelector('#live-state:text("Too many")');
    full = false;
    await lastAnswer;
    others.abort();
    await page.waitForSelector('#live-state:text("Connected")');
    expect([shown, complaints]).toEqual([1, []]);
    await context.close();
  });
});

describe('the queue of those to call back', () => {
  const lost = (world: Awaited<ReturnType<typeof openWorld>>, number: string, startedAt = new Date()) => {
    const caller = { ...exampleCall().caller, number };
    const fields = { caller, disposition: 'missed', lossReason: 'no_answer', answeredAt: null } as const;
    return world.end(endedCall(0, { ...fields, startedAt: startedAt.toISOString() }));
  };
  const numbers = async (page: Page) =>
    (await page.locator('[data-row]').allTextContents()).map((text) => text.split(' · ')[0]);
  const again = (page: Page) => page.evaluate('htmx.trigger("#queue", "refresh")');

  it('shows by itself who has come and who has gone, and leaves the keyboard where it stands', async () => {
    const world = await openWorld();
    const context = await browser.newContext({ viewport: { width: 1280, height: 400 } });
    const { page, complaints } = await sit(context, world.url, 'agent');
    await page.goto(`${world.url}/missed`);
    await page.focus('tr:has-text("90 123 45 67") button');
    const focused = () => page.evaluate<string>('document.activeElement.closest("tr")?.textContent ?? ""');
    await page.evaluate(`new MutationObserver(() => window.said = document.getElementById("waiting").textContent)
      .observe(document.getElementById("waiting"), { childList: true })`);
    // Without anybody asking for it.
    const second = await lost(world, '+79160000012');
    await expect
      .poll(() => numbers(page), { timeout: 15_000 })
      .toEqual(['+7 916 000 00 11', '+7 916 000 00 12', '+998 90 123 45 67']);
    expect(await focused()).toContain('90 123 45 67');
    expect(await page.evaluate('window.said')).toMatch(/^Waiting: 3, /);
    // The new row's own button works too, and who is dealt with elsewhere goes.
    const other = await sit(await browser.newContext(), world.url, 'supervisor');
    await other.page.goto(`${world.url}/missed`);
    await other.page.click('tr:has-text("000 00 12") button:has-text("Done")');
    await expect.poll(() => other.page.locator('[data-row]').count()).toBe(2);
    await again(page);
    await expect.poll(() => numbers(page)).toEqual(['+7 916 000 00 11', '+998 90 123 45 67']);
    expect((await world.store.get(second.id))?.handled?.by).toBe('supervisor');
    expect(await focused()).toContain('90 123 45 67');
    // Where his row goes, Enter must not do to another one what was meant for him.
    await other.page.click('tr:has-text("90 123 45 67") button:has-text("Done")');
    await expect.poll(() => other.page.locator('[data-row]').count()).toBe(1);
    await again(page);
    await expect.poll(() => numbers(page)).toEqual(['+7 916 000 00 11']);
    expect(await page.evaluate('document.activeElement.textContent')).toMatch(/^\+7 916 000 00 11/);
    await page.click('tr:has-text("000 00 11") button:has-text("Done")');
    await again(page);
    await page.waitForSelector('text=Nobody is waiting.');
    await lost(world, '+79160000013');
    await again(page);
    await expect.poll(() => numbers(page)).toEqual(['+7 916 000 00 13']);
    await expectAccessible(page, 'a queue that was drawn anew');
    expect(complaints).toEqual([]);
    await Promise.all([context.close(), other.page.context().close()]);
  });

  it('keeps two people apart: who dials or says so has the caller, and the others see it', async () => {
    const world = await openWorld();
    const contexts = [await browser.newContext(), await browser.newContext({ locale: 'ru' })];
    const [one, two] = await Promise.all([
      sit(contexts[0] as BrowserContext, world.url, 'agent'),
      sit(contexts[1] as BrowserContext, world.url, 'supervisor'),
    ]);
    for (const { page } of [one, two]) await page.goto(`${world.url}/missed`);
    const row = ({ page }: Seat) => page.locator('tr:has-text("90 123 45 67")');
    await row(one).locator('[data-act=take]').focus();
    await one.page.keyboard.press('Enter');
    await row(one).locator('text=you call him back').waitFor();
    expect(await one.page.evaluate('document.activeElement.dataset.act')).toBe('leave');
    await expectAccessible(one.page, 'a caller who is taken');
    // The other's page has not heard of it yet.
    await row(two).locator('[data-act=take]').click();
    await two.page.waitForSelector('#flash:has-text("Ему уже перезванивает agent.")');
    await row(two).locator('text=перезванивает agent').waitFor();
    expect(await two.page.textContent('#news')).toMatch(/90 123 45 67.*: перезванивает agent, до /);
    expect(await row(two).locator('a[href^="tel:"], [data-act=take]').count()).toBe(0);
    await expectAccessible(two.page, 'a caller whom somebody else has');
    await two.page.screenshot({ path: `${ARTIFACTS}/ru-missed-taken.png` });
    await one.page.screenshot({ path: `${ARTIFACTS}/en-missed-taken.png` });
    // A supervisor may end his turn; and he may leave it.
    expect(await row(one).locator('[data-act=end]').count()).toBe(0);
    await row(two).locator('[data-act=end]').focus();
    await two.page.keyboard.press('Enter');
    await row(two).locator('[data-act=take]').waitFor();
    await again(one.page);
    await row(one).locator('[data-act=take]').focus();
    await one.page.keyboard.press('Enter');
    await row(one).locator('[data-act=leave]').waitFor();
    await one.page.keyboard.press('Enter');
    await row(one).locator('[data-act=take]').waitFor();
    await again(two.page);
    await row(two).locator('a[href^="tel:"]').click();
    await row(two).locator('[data-act=leave]').waitFor();
    await again(one.page);
    await row(one).locator('text=supervisor calls him back').waitFor();
    expect(one.complaints).toEqual([]);
    await Promise.all(contexts.map((context) => context.close()));
  });

  it('stays as it is under the hand that is about to click, and out of sight', async () => {
    const world = await openWorld();
    const context = await browser.newContext();
    const { page } = await sit(context, world.url, 'agent');
    await page.goto(`${world.url}/missed`);
    await lost(world, '+79160000012');
    const answered = () => page.waitForResponse((answer) => answer.url().includes('/missed/now'));
    await page.hover('tr:has-text("90 123 45 67") button');
    const first = answered();
    await page.evaluate(
      `document.querySelector('#queue').dispatchEvent(new Event('pointermove')); htmx.trigger("#queue", "refresh")`,
    );
    await first;
    expect(await page.locator('[data-row]').count()).toBe(2);
    await page.hover('h1');
    await again(page);
    await expect.poll(() => page.locator('[data-row]').count()).toBe(3);
    await page.evaluate('Object.defineProperty(document, "hidden", { value: true, configurable: true })');
    let asked = 0;
    page.on('request', (request) => request.url().includes('/missed/now') && (asked += 1));
    await again(page);
    expect(asked, 'out of sight').toBe(0);
    await page.evaluate('delete document.hidden; document.dispatchEvent(new Event("visibilitychange"))');
    await expect.poll(() => asked).toBe(1);
    await context.close();
  });

  it('of more than 500 shows by itself who has come and gone, and is sent only where something has changed', async () => {
    const world = await openWorld();
    for (let n = 0; n < 520; n += 1) await lost(world, `+7917${String(n).padStart(7, '0')}`, new Date(Date.now() - n));
    const context = await browser.newContext();
    const { page, complaints } = await sit(context, world.url, 'agent');
    await page.goto(`${world.url}/missed`);
    for (let shown = 50; shown < 520; shown += 50) {
      await page.click('tr.older a');
      await expect.poll(() => page.locator('[data-row]').count()).toBe(Math.min(522, shown + 50));
    }
    const answers: number[] = [];
    page.on('response', (answer) => answer.url().includes('/missed/now') && answers.push(answer.status()));
    await page.click('tr:has-text("917 000 00 17") [data-act=done]');
    await lost(world, '+79160000012');
    await again(page);
    await expect.poll(async () => (await numbers(page))[1]).toBe('+7 916 000 00 12');
    expect(await page.locator('[data-row]').count()).toBe(522);
    expect((await numbers(page)).at(-1)).toBe('+998 90 123 45 67');
    await expect
      .poll(async () => {
        await again(page);
        return answers.at(-1);
      })
      .toBe(304);
    expect(await page.locator('[data-row]').count()).toBe(522);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('says that the gateway is away, whoever answers in its place, and goes on when it is back', async () => {
    const world = await openWorld();
    const context = await browser.newContext();
    const { page } = await sit(context, world.url, 'agent');
    await page.goto(`${world.url}/missed`);
    for (const away of ['abort', 'proxy']) {
      await page.route('**/missed/now*', (route) =>
        away === 'abort' ? route.abort() : route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>nginx' }),
      );
      await again(page);
      await page.waitForSelector('#flash:text-is("No connection.")');
      expect(await page.locator('[data-row]').count()).toBe(2);
      await page.unrouteAll();
      await again(page);
      await page.waitForSelector('#flash:empty', { state: 'attached' });
    }
    // Where the session is over the page leads to the log-in.
    await context.clearCookies({ name: 'calltrack-session' });
    await again(page);
    await page.waitForURL(/\/login\?next=%2Fmissed/);
    await context.close();
  });
});

describe('the recording of a talk', () => {
  it('is paused and masked by keys, seen by others, and the page says when the call is over', async () => {
    const { url, live, told, end } = await openWorld();
    const context = await browser.newContext();
    const { page, complaints } = await sit(context, url, 'agent');
    const other = await sit(await browser.newContext(), url, 'agent');
    for (const one of [page, other.page]) await one.goto(`${url}/calls/${live.id}`);
    await page.waitForSelector('[data-state=recording]');
    await page.focus('#control-mask');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[data-state=masked]');
    // Whoever goes on by the keyboard is where he was: on the button that ends the mask.
    expect(await page.evaluate('document.activeElement.textContent')).toBe('End the mask');
    await other.page.waitForSelector('[data-state=masked] >> text=masked: silence is recorded');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[data-state=recording]');
    expect(told).toEqual(['mask', 'unmask']);
    await expectAccessible(page, 'a talk that is recorded');
    await end({ ...live, endedAt: new Date().toISOString(), disposition: 'answered' });
    await page.waitForSelector('text=The call has ended.');
    expect(complaints).toEqual([]);
    await Promise.all([context.close(), other.page.context().close()]);
  });

  it('is changed on the live page too, however often that is drawn meanwhile', async () => {
    const { url, live, told } = await openWorld();
    const context = await browser.newContext();
    const { page, complaints } = await sit(context, url, 'supervisor');
    await page.goto(`${url}/live`);
    const pause = page.locator(`#pause-${live.id}`);
    await pause.focus();
    await page.keyboard.press('Enter');
    await page.waitForSelector('#live [data-state=paused]');
    expect(await page.evaluate('document.activeElement.id')).toBe(`pause-${live.id}`);
    const box = await pause.boundingBox();
    await page.mouse.move((box?.x ?? 0) + 5, (box?.y ?? 0) + 5);
    await page.mouse.down();
    // Longer than from one drawing to the next.
    await page.evaluate(`new Promise((done) => {
      let drawn = 0;
      const views = new EventSource('/live/stream');
      views.addEventListener('view', () => ++drawn > 2 && (views.close(), done()));
    })`);
    await page.mouse.up();
    await page.waitForSelector('#live [data-state=recording]');
    expect(told).toEqual(['pause', 'resume']);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('is changed without scripts', async () => {
    const { url, live, told } = await openWorld();
    const context = await browser.newContext({ javaScriptEnabled: false });
    const { page } = await sit(context, url, 'agent');
    await page.goto(`${url}/calls/${live.id}`);
    await page.click('text=Pause recording');
    await page.waitForSelector('text=paused: left out of the recording');
    await page.click('text=Go on recording');
    await page.waitForSelector('text=being recorded');
    expect(told).toEqual(['pause', 'resume']);
    await context.close();
  });
});

describe('a recording under legal hold', () => {
  it('says so, and can be deleted only when it is released', async () => {
    const { url, heard } = await openWorld();
    const context = await browser.newContext();
    const { page } = await sit(context, url, 'supervisor');
    await page.goto(`${url}/calls/${heard.id}`);
    await page.click('summary:has-text("Legal hold")');
    await page.fill('input[name=reason]', 'case 12');
    await page.click('text=Put under legal hold');
    await page.waitForSelector('text=/Under legal hold by supervisor.*: case 12/');
    expect(await page.isVisible('text=Delete the recording')).toBe(false);
    await expectAccessible(page, 'a recording under legal hold');
    await page.click('text=Release from the legal hold');
    await page.waitForSelector('text=Delete the recording');
    await context.close();
  });
});

describe('a session that ends in the middle of a search', () => {
  it('leads back to what was searched for', async () => {
    const { url } = await openWorld();
    const context = await browser.newContext();
    const { page } = await sit(context, url, 'agent');
    await context.clearCookies();
    await page.fill('[data-search]', '0011');
    await page.waitForURL(/\/login/);
    await page.fill('input[name=name]', 'agent');
    await page.fill('input[name=password]', PASSWORD);
    await page.press('input[name=password]', 'Enter');
    await page.waitForURL(/\/calls\?number=0011/);
    expect(await page.inputValue('[data-search]')).toBe('0011');
    expect(await page.locator('[data-row]').count()).toBe(1);
    await context.close();
  });
});

describe('a note that is being typed', () => {
  it('stays where a tag is added beside it, and the tag where the note is', async () => {
    const { url, heard } = await openWorld();
    const context = await browser.newContext();
    const { page } = await sit(context, url, 'agent');
    await page.goto(`${url}/calls/${heard.id}`);
    await page.fill('#note-text', 'he was promised');
    await page.click('button:text-is("+ callback")');
    await page.waitForSelector('.tag:has-text("callback")');
    expect(await page.inputValue('#note-text')).toBe('he was promised');
    await page.waitForSelector('#remarks:not(.htmx-settling)');
    await page.fill('#tag-name', 'sofas');
    await page.click('#note-add');
    await page.waitForSelector('.note:has-text("he was promised")');
    expect(await page.inputValue('#tag-name')).toBe('sofas');
    expect(await page.inputValue('#note-text'), 'what was sent').toBe('');
    await context.close();
  });
});

describe('a session that ends in the middle of a note', () => {
  const NOTE = 'We promised delivery on Friday';

  it('leads back to the call after the log-in, with what was typed', async () => {
    const { url, heard } = await openWorld();
    const context = await browser.newContext();
    const { page } = await sit(context, url, 'agent');
    await page.goto(`${url}/calls/${heard.id}`);
    await page.fill('#note-text', NOTE);
    await context.clearCookies({ name: 'calltrack-session' });
    await page.click('#note-add');
    await page.fill('input[name=name]', 'agent');
    await page.fill('input[name=password]', PASSWORD);
    await page.press('input[name=password]', 'Enter');
    await page.waitForURL(`${url}/calls/${heard.id}`);
    expect(await page.inputValue('#note-text')).toBe(NOTE);
    await page.click('#note-add');
    await page.waitForSelector(`.note:has-text("${NOTE}")`);
    await page.reload();
    expect(await page.inputValue('#note-text')).toBe('');
    await context.close();
  });

  it('costs nothing where he has logged in again beside it, and tells nobody else what was typed', async () => {
    const { url, heard } = await openWorld();
    const context = await browser.newContext();
    const { page } = await sit(context, url, 'agent');
    await page.goto(`${url}/calls/${heard.id}`);
    await page.fill('#note-text', NOTE);
    await context.clearCookies({ name: 'calltrack-session' });
    await sit(context, url, 'agent');
    await page.click('#note-add');
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('note-text');
    expect(await page.inputValue('#note-text')).toBe(NOTE);
    await context.clearCookies({ name: 'calltrack-session' });
    await page.click('#note-add');
    await page.waitForURL(/\/login\?next=/);
    await page.fill('input[name=name]', 'supervisor');
    await page.fill('input[name=password]', PASSWORD);
    await page.press('input[name=password]', 'Enter');
    await page.waitForURL(`${url}/calls/${heard.id}`);
    expect(await page.inputValue('#note-text')).toBe('');
    await context.close();
  });
});

describe('whose call it was', () => {
  it('is put right by picking a visit, and the call tells before and after', async () => {
    const { url, heard } = await openWorld();
    const context = await browser.newContext();
    const { page, complaints } = await sit(context, url, 'agent');
    await page.goto(`${url}/calls/${heard.id}`);
    await page.click('a:has-text("Put right")');
    await page.check('text=none of these');
    await page.fill('input[name=reason]', 'a wrong number');
    await page.click('button:has-text("Book"):not(:has-text("code"))');
    await page.waitForSelector('.corrections li:has-text("session-1"):has-text("a wrong number")');
    await page.click('a:has-text("Put right")');
    await page.fill('input[name=code]', '482 10');
    await page.click('text=Book by the code');
    await page.waitForSelector('.corrections li:has-text("promo code") strong:has-text("session-1")');
    await expectAccessible(page, 'a call that was put right');
    expect(complaints).toEqual([]);
    await context.close();
  });
});

describe('without a mouse', () => {
  it('a search stays when one chooses columns or a language', async () => {
    const { url } = await openWorld();
    const context = await browser.newContext();
    const { page, complaints } = await sit(context, url, 'agent');
    await page.goto(`${url}/calls`);
    await page.fill('[data-search]', '000 0001');
    await page.waitForURL(/number=000/);
    await page.click('summary:has-text("Columns")');
    await page.check('input[value=recording]');
    await page.click('.columns button');
    await page.waitForSelector('th:has-text("Recording")');
    expect(await page.inputValue('[data-search]')).toBe('000 0001');
    await page.fill('[data-search]', '0011');
    await page.waitForURL(/number=0011/);
    await page.click('.own summary');
    await page.selectOption('select[name=language]', 'ru');
    await page.click('.own form button');
    await page.waitForSelector('h1:has-text("Звонки")');
    expect(await page.inputValue('[data-search]')).toBe('0011');
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('a search is given up for the next one without a word', async () => {
    const { url } = await openWorld();
    const context = await browser.newContext();
    const { page, complaints } = await sit(context, url, 'agent');
    // Never answered.
    await page.route(/number=0011&/, () => undefined);
    const asked = page.waitForRequest(/number=0011&/);
    await page.fill('[data-search]', '0011');
    await asked;
    await page.fill('[data-search]', '4567');
    await page.waitForURL(/number=4567/);
    await expect.poll(() => page.locator('[data-row]').count()).toBe(1);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it.each([
    ['en', 'Nothing can lie between: the beginning is not before the end.'],
    ['ru', 'Такого времени нет: начало не раньше конца.'],
    ['uz', 'Bunday vaqt yo‘q: boshi oxiridan oldin emas.'],
  ])('a search from after to says in %s why it finds nothing', async (locale, words) => {
    const { url } = await openWorld();
    const context = await browser.newContext({ locale });
    const { page, complaints } = await sit(context, url, 'agent');
    await page.goto(`${url}/calls`);
    await page.fill('input[name=from]', '2026-11-22T10:00');
    await page.fill('input[name=to]', '2026-11-21T10:00');
    await page.press('input[name=to]', 'Enter');
    await page.waitForSelector(`#found [role=status]:has-text("${words}")`);
    await expectAccessible(page, `${locale}: a search that makes no sense`);
    await page.screenshot({ path: `${ARTIFACTS}/${locale}-calls-order.png` });
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('one searches, goes through the rows and opens a call', async () => {
    const { url, heard } = await openWorld();
    const context = await browser.newContext();
    const { page, complaints } = await sit(context, url, 'agent');
    await page.keyboard.press('/');
    // The list answers while one types.
    await page.keyboard.type('000 0001');
    await page.waitForURL(/number=000/);
    await page.keyboard.press('Enter');
    await page.waitForSelector('[data-row]');
    // A number is read, and copied, in one piece.
    await page.setViewportSize({ width: 900, height: 700 });
    expect(await numbersInPieces(page)).toEqual([]);
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => page.evaluate('document.activeElement.dataset.row')).toBe('');
    await page.keyboard.press('j');
    await page.keyboard.press('Tab');
    await page.keyboard.press('?');
    expect(await page.isVisible('#keys')).toBe(true);
    await page.keyboard.press('Escape');
    await page.keyboard.press('g');
    await page.keyboard.press('m');
    await page.waitForURL(/\/missed/);
    // What is done with takes its row along; he stands on the next one.
    const focused = (what: string) => page.evaluate<string>(`document.activeElement.${what}`);
    expect(await page.locator('tbody tr').count()).toBe(2);
    await page.focus('tbody tr:first-child [data-act=done]');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('tbody tr').count()).toBe(1);
    await expect.poll(() => focused('textContent')).toBe('Done');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/calls\/[\w-]{36}/);
    for (const [tag, next] of [
      ['+ callback', 'tag:callback'],
      ['×', 'tag:callback'],
      ['+ callback', 'tag:callback'],
    ] as const) {
      const button = page.locator(`#remarks button:text-is("${tag}")`).first();
      await button.focus();
      await page.keyboard.press('Enter');
      await button.waitFor({ state: 'detached' });
      await expect.poll(() => focused('id')).toBe(next);
      // Before htmx has taken what it has drawn into its care, Enter would send the form as browsers do.
      await page.waitForSelector('#remarks:not(.htmx-settling)');
    }
    await page.focus('#tag-name');
    await page.keyboard.type('sofas');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.tag:has-text("sofas")');
    await expect.poll(() => focused('id')).toBe('tag-name');
    await page.waitForSelector('#remarks:not(.htmx-settling)');
    await page.focus('.tag:has-text("sofas") button');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.tag:has-text("sofas")', { state: 'detached' });
    await expect.poll(() => focused('id')).toBe('tag-name');
    expect(heard.id).toMatch(/^[\w-]{36}$/);
    // The same keys with Cyrillic letters on them.
    for (const [key, code] of [
      ['п', 'KeyG'],
      ['с', 'KeyC'],
    ]) {
      const pressed = `new KeyboardEvent('keydown', { key: '${key}', code: '${code}', bubbles: true })`;
      await page.evaluate(`document.body.dispatchEvent(${pressed})`);
    }
    await page.waitForURL(/\/calls$/);
    expect(complaints).toEqual([]);
    await context.close();
  });
});
