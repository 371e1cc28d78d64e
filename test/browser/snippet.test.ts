import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { transformSync } from 'esbuild';
import { pino } from 'pino';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import { createHttpServer } from '../../src/http/server.js';
import { LeaseDesk } from '../../src/leases/desk.js';
import { PromoDesk } from '../../src/leases/promo-desk.js';
import { GatewayMetrics } from '../../src/observability/metrics.js';
import { RedisLeases } from '../../src/redis/leases.js';
import { RedisNumbers } from '../../src/redis/numbers.js';
import { RedisPromoCodes } from '../../src/redis/promo-codes.js';
import { startChromium } from '../support/chromium.js';
import { httpOptions } from '../support/no-resources.js';
import { openRedis } from '../support/redis.js';
import { until } from '../support/until.js';

const KEY = 'site-divan-0123456789';

const PAGE = (gateway: string, { own, body }: { own: string; body: string }) => `<!doctype html><html lang="ru"><body>
<a href="tel:%PHONE%">a template that nobody filled in</a>
${body}
<script async src="${gateway}/dni.js" data-key="${KEY}" data-number="${own}"></script>
</body></html>`;

const MOSCOW = {
  own: '+7 495 222-22-22',
  body: `
<p id="marked" data-ct-number>Звоните: +7 (495) 222-22-22, с 9 до 18</p>
<p id="eight" data-ct-number><b>8 495 222 22 22</b></p>
<p id="plain">Факс +7 495 222-22-22</p>
<a id="link" href="tel:+74952222222">(495) 222-22-22</a>
<a id="other" href="tel:+74953333333">+7 495 333-33-33</a>`,
};

/** Whose numbers have nine digits at home. */
const TASHKENT = {
  own: '+998 71 200-11-22',
  body: `
<p id="marked" data-ct-number>71 200-11-22, <b>8 71 200 11 22</b></p>
<a id="link" href="tel:%2B998712001122">+998 (71) 200-11-22</a>
<p id="other" data-ct-number>00-11-22, 998712001</p>`,
};

/** As designers divide and decorate what they write. */
const DECORATED = {
  own: '+7 495 222-22-22',
  body: `
<a id="marked" href="TEL:8-495-222-22-22"><span>8 (495)</span> <b>222</b>-22-22</a>
<p id="hours" data-ct-number>9-18 8 (495) 222-22-22 24/7</p>
<p id="two" data-ct-number>+7 812 333-33-33 8 495 2222222</p>
<p id="foreign" data-ct-number>+1 495 222-22-22</p>
<ul id="list" data-ct-number><li>8 495 222-22-22</li><li>8 812 333-33-33</li></ul>`,
};

const LONDON = {
  own: '+442079460000',
  body: `
<p id="marked" data-ct-number>+44 (0)20 7946 0000</p>
<p id="home" data-ct-number>020 7946 0000</p>
<a id="link" href="tel:00442079460000">0044 20 7946 0000</a>`,
};

const MINSK = {
  own: '+375171234567',
  body: `
<p id="marked" data-ct-number>8 (017) 123-45-67</p>
<p id="slash" data-ct-number>017/123\u206045\u221267</p>
<a id="link" href="tel:80171234567">8017 123 45 67</a>`,
};

const WITH_CODE = {
  own: '+7 495 222-22-22',
  body: `<p id="marked" data-ct-number>+7 495 222-22-22</p>
<p id="with" data-ct-with-code hidden>Назовите код <b id="code" data-ct-code></b></p>`,
};

let browser: Browser;

beforeAll(async () => {
  browser = await startChromium();
});
afterAll(() => browser.close());

/** Serves on a free port of loopback until the test ends. */
async function serve(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

interface Setting {
  numbers?: string[];
  lease?: string;
  fallback?: string;
  perAddress?: number;
  /** Instead of the page's own origin. */
  origins?: string[];
  /** Of the shop; by default Moscow's. */
  page?: { own: string; body: string };
  /** Whether it lends promo codes. */
  promo?: 'beside' | 'instead';
}

/** What is asked for in the gateway's place is answered so. */
const ANYBODY = { 'Access-Control-Allow-Origin': '*' };
const NOTHING_FREE = { number: null, expiresInSeconds: 0, askAgainSeconds: 60, code: null, codeExpiresInSeconds: 0 };
/** A visit that is over. */
const OLD = JSON.stringify({ id: 'old', visitor: 'v', landing: 'https://divan.example/', referrer: '', ad: {}, at: 1 });

/** A shop's site and a gateway that lends it numbers, on origins of their own. */
async function open({ numbers = ['+74951111111', '+74951111112'], lease = '10m', ...more }: Setting = {}) {
  const { link, keys, raw, prefix } = await openRedis();
  let gatewayUrl = '';
  const shopPort = await serve(
    createServer((_req, res) =>
      res.setHeader('content-type', 'text/html; charset=utf-8').end(PAGE(gatewayUrl, more.page ?? MOSCOW)),
    ),
  );
  const shop = `http://127.0.0.1:${shopPort}`;
  const { origins = [shop], perAddress = 60, fallback } = more;
  const config = configSchema.parse({
    trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
    routes: [{ id: 'main', steps: [{ announce: 'silence_stream://1000' }] }],
    sites: [
      {
        ...{ id: 'divan', defaultRoute: 'main', pool: { lease, fallback } },
        ...{ snippet: { key: KEY, origins, perAddress }, promo: { lend: more.promo } },
      },
    ],
    numbers: numbers.map((number) => ({ number, site: 'divan', kind: 'dynamic' })),
  });
  await new RedisNumbers(link, keys, 'gw-1').write(config.numbers);
  const siteOf = (site: string) => config.sites.find(({ id }) => id === site);
  const gateway = createHttpServer({
    ...httpOptions(),
    leases: new LeaseDesk(
      new RedisLeases(link, keys),
      (site) => siteOf(site)?.pool ?? null,
      {},
      new PromoDesk(new RedisPromoCodes(link, keys), (site) => siteOf(site)?.promo ?? null),
    ),
    sites: () => config.sites,
    metrics: new GatewayMetrics({ nodeDefaults: false }),
    logger: pino({ level: 'silent' }),
  });
  const { port } = await gateway.start();
  onTestFinished(() => gateway.stop());
  gatewayUrl = `http://127.0.0.1:${port}`;
  const leaseOn = (number: string) => raw.hgetall(`${prefix}lease:{${number}}`);
  return { shop, gatewayUrl, gateway, leaseOn };
}

/** A visitor: a browser profile of his own. */
async function visitor(): Promise<BrowserContext> {
  // As it is, without a window, it would be a robot.
  const userAgent = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${browser.version()} Safari/537.36`;
  const context = await browser.newContext({ locale: 'ru-RU', userAgent });
  onTestFinished(() => context.close());
  return context;
}

/** As a tag manager does. */
const bring = (page: Page, { gatewayUrl, key, number }: { gatewayUrl: string; key: string; number: string }) =>
  page.evaluate(`new Promise((resolve) => {
    const script = document.createElement('script');
    script.src = '${gatewayUrl}/dni.js';
    script.dataset.key = '${key}';
    script.dataset.number = '${number}';
    script.onload = resolve;
    document.head.append(script);
  })`);

const textOf = (page: Page, id: string) => page.locator(`#${id}`).textContent();
const shows = (page: Page, id: string, text: string) =>
  until(`#${id} shows ${text}`, async () => (await textOf(page, id))?.includes(text) ?? false);

describe('dni.js in a browser', () => {
  it('is smaller than 3 kB as it is sent', () => {
    const source = readFileSync(new URL('../../src/snippet/dni.js', import.meta.url), 'utf8');
    expect(gzipSync(transformSync(source, { minify: true, target: 'es2018' }).code).length).toBeLessThan(3 * 1024);
  });

  it("puts the visitor's number into marked text and links, in the notation found there, and nowhere else", async () => {
    const { shop } = await open();
    const page = await (await visitor()).newPage();
    await page.goto(shop);
    await shows(page, 'marked', '+7 (495) 111-11-11, с 9 до 18');
    expect(await textOf(page, 'eight')).toBe('8 495 111 11 11');
    expect(await textOf(page, 'link')).toBe('(495) 111-11-11');
    expect(await page.getAttribute('#link', 'href')).toBe('tel:+74951111111');
    expect(await textOf(page, 'plain')).toBe('Факс +7 495 222-22-22');
    expect(await page.getAttribute('#other', 'href')).toBe('tel:+74953333333');
    const late = '<a id="late" href="tel:+74952222222">+7 495 222 22 22</a>';
    await page.evaluate(`document.body.insertAdjacentHTML('beforeend', '${late}')`);
    await shows(page, 'late', '+7 495 111 11 11');
  });

  it('knows the number as it is written at home, whatever the country', async () => {
    const { shop } = await open({ page: TASHKENT, numbers: ['+998901234567'] });
    const page = await (await visitor()).newPage();
    await page.goto(shop);
    await shows(page, 'marked', '90 123-45-67, 8 90 123 45 67');
    expect(await textOf(page, 'link')).toBe('+998 (90) 123-45-67');
    expect(await page.getAttribute('#link', 'href')).toBe('tel:+998901234567');
    expect(await textOf(page, 'other')).toBe('00-11-22, 998712001');
  });

  it('finds the number in divided markup, and beside other digits', async () => {
    const { shop } = await open({ page: DECORATED });
    const page = await (await visitor()).newPage();
    await page.goto(shop);
    await shows(page, 'marked', '8 (495) 111-11-11');
    expect(await page.innerHTML('#marked')).toBe('<span>8 (495)</span> <b>111</b>-11-11');
    expect(await page.getAttribute('#marked', 'href')).toBe('tel:+74951111111');
    expect(await textOf(page, 'hours')).toBe('9-18 8 (495) 111-11-11 24/7');
    expect(await textOf(page, 'two')).toBe('+7 812 333-33-33 8 495 1111111');
    expect(await textOf(page, 'foreign')).toBe('+1 495 222-22-22');
    expect(await page.innerHTML('#list')).toBe('<li>8 495 111-11-11</li><li>8 812 333-33-33</li>');
  });

  it('knows a 0 in parentheses, and 00 for the plus', async () => {
    const { shop } = await open({ page: LONDON, numbers: ['+442079461234'] });
    const page = await (await visitor()).newPage();
    await page.goto(shop);
    await shows(page, 'marked', '+44 (0)20 7946 1234');
    expect(await textOf(page, 'home')).toBe('020 7946 1234');
    expect(await textOf(page, 'link')).toBe('0044 20 7946 1234');
    expect(await page.getAttribute('#link', 'href')).toBe('tel:+442079461234');
  });

  it('knows 80 in the place of the country code, and rarer things between digits', async () => {
    const { shop } = await open({ page: MINSK, numbers: ['+375177654321'] });
    const page = await (await visitor()).newPage();
    await page.goto(shop);
    await shows(page, 'marked', '8 (017) 765-43-21');
    expect(await textOf(page, 'slash')).toBe('017/765\u206043\u221221');
    expect(await textOf(page, 'link')).toBe('8017 765 43 21');
    expect(await page.getAttribute('#link', 'href')).toBe('tel:+375177654321');
  });

  it('puts the number into a link that is given its address later, and into what the page had put away', async () => {
    const { shop } = await open({ numbers: ['+74951111111'] });
    const page = await (await visitor()).newPage();
    await page.clock.install();
    await page.goto(shop);
    await shows(page, 'marked', '111-11-11');
    await page.evaluate(`document.getElementById('other').setAttribute('href', 'tel:+74952222222')`);
    await until('it is swapped', async () => (await page.getAttribute('#other', 'href')) === 'tel:+74951111111');
    // The visitor's number ends; a view that was away meanwhile must not bring it back.
    await page.evaluate(`window.view = document.getElementById('marked'); window.view.remove()`);
    await page.route('**/dni/**', (route) => route.fulfill({ json: NOTHING_FREE, headers: ANYBODY }));
    await page.clock.fastForward(300_000);
    await until('it is given back', async () => (await textOf(page, 'eight')) === '8 495 222 22 22');
    await page.evaluate(`document.body.append(window.view)`);
    await shows(page, 'marked', '222-22-22');
  });

  it.each(['beside', 'instead'] as const)('shows the code where the site lends codes %s', async (promo) => {
    const { shop } = await open({ page: WITH_CODE, promo });
    const page = await (await visitor()).newPage();
    await page.clock.install();
    await page.goto(shop);
    await until('it is seen', () => page.isVisible('#with'));
    const code = await textOf(page, 'code');
    expect(code).toMatch(/^\d{5}$/);
    expect(await textOf(page, 'marked')).toContain(promo === 'beside' ? '111-11-11' : '222-22-22');
    await page.reload();
    await until('it is seen again', () => page.isVisible('#with'));
    expect(await textOf(page, 'code')).toBe(code);
    // The site lends no more codes.
    await page.route('**/dni/**', (route) => route.fulfill({ json: NOTHING_FREE, headers: ANYBODY }));
    await page.clock.fastForward(86_400_000);
    await until('it is hidden', () => page.isHidden('#with'));
    expect(await textOf(page, 'code')).toBe('');
  });

  it('shows one code where scripts of two sites have one each', async () => {
    const { shop, gatewayUrl } = await open({ page: WITH_CODE, promo: 'beside' });
    const page = await (await visitor()).newPage();
    const other = { number: '+74953333331', expiresInSeconds: 600, askAgainSeconds: 300 };
    await page.route('**/dni/other/**', (route) =>
      route.fulfill({ json: { ...other, code: '99999', codeExpiresInSeconds: 600 }, headers: ANYBODY }),
    );
    await page.goto(shop);
    await until('it is seen', () => page.isVisible('#with'));
    const code = await textOf(page, 'code');
    const told = page.evaluate(`new Promise((resolve) => document.addEventListener('calltrack:number', resolve))`);
    await bring(page, { gatewayUrl, key: 'other', number: '+74953333333' });
    await told;
    const changes = await page.evaluate(`new Promise((resolve) => {
      let changes = 0;
      let frames = 20;
      const observer = new MutationObserver(() => (changes += 1));
      observer.observe(document.getElementById('code'), { childList: true });
      const frame = () => ((frames -= 1) ? requestAnimationFrame(frame) : resolve(changes));
      requestAnimationFrame(frame);
    })`);
    expect([changes, await textOf(page, 'code')]).toEqual([0, code]);
  });

  it.each([
    ['an own number as it is written at home', '8 (495) 222-22-22'],
    ['no own number', ''],
  ])('leaves the page as it is where the script is given %s, and says why', async (_what, own) => {
    const { shop, leaseOn } = await open({ page: { ...MOSCOW, own } });
    const page = await (await visitor()).newPage();
    const warned = page.waitForEvent('console', (message) => message.type() === 'warning');
    await page.goto(shop);
    expect((await warned).text()).toContain('data-number with its country code');
    expect(await textOf(page, 'eight')).toBe('8 495 222 22 22');
    expect(await leaseOn('+74951111111')).toEqual({});
  });

  it('writes a number of another country in full: at home it would be another', async () => {
    const { shop } = await open({ page: TASHKENT, numbers: ['+74951111111'] });
    const page = await (await visitor()).newPage();
    await page.goto(shop);
    await shows(page, 'marked', '+74951111111, +74951111111');
    expect(await textOf(page, 'link')).toBe('+74951111111');
  });

  it('gives the number back when its lease has ended and the gateway is away, and asks again', async () => {
    const { shop, gatewayUrl } = await open({ lease: '10s' });
    const page = await (await visitor()).newPage();
    await page.clock.install();
    await page.goto(shop);
    await shows(page, 'marked', '111-11-11');
    await page.route(`${gatewayUrl}/dni/**`, (route) => route.abort());
    let asked = 0;
    page.on('requestfailed', () => (asked += 1));
    await page.clock.fastForward(60_000);
    await shows(page, 'marked', '222-22-22');
    const before = asked;
    await page.clock.fastForward(60_000);
    await until('it asks again', () => asked > before);
  });

  it('tells the gateway where the visitor came from', async () => {
    const { shop, leaseOn } = await open();
    const context = await visitor();
    await context.addCookies([
      { name: '_ga', value: 'GA1.2-2.111.222', url: shop },
      { name: '_ym_uid', value: '1700000000000000000', url: shop },
    ]);
    const page = await context.newPage();
    const landing = `${shop}/?utm_source=yandex&utm_medium=cpc&utm_campaign=sofas&utm_term=divan&gclid=G1&yclid=Y1`;
    await page.goto(landing, { referer: 'https://ya.example/search' });
    await shows(page, 'marked', '111-11-11');
    const { session = '', site } = await leaseOn('+74951111111');
    expect(site).toBe('divan');
    expect(JSON.parse(session)).toMatchObject({
      landingPage: landing,
      referrer: expect.stringContaining('https://ya.example') as string,
      utm: { source: 'yandex', medium: 'cpc', campaign: 'sofas', content: null, term: 'divan' },
      keyword: 'divan',
      gclid: 'G1',
      yclid: 'Y1',
      gaClientId: '111.222',
      ymClientId: '1700000000000000000',
    });
  });

  it('keeps the number from page to page, and gives each visitor his own', async () => {
    const { shop } = await open();
    const [one, two] = [await visitor(), await visitor()];
    const first = await one.newPage();
    await first.goto(`${shop}/?utm_source=yandex`);
    await shows(first, 'marked', '111-11-11');
    await first.goto(`${shop}/delivery`);
    await shows(first, 'marked', '111-11-11');
    const second = await two.newPage();
    await second.goto(shop);
    await shows(second, 'marked', '111-11-12');
    // Another ad clicked: another visit, for which there is no number left.
    const asked = first.waitForResponse(/\/leases$/);
    await first.goto(`${shop}/?utm_source=google`);
    expect(await (await asked).json()).toMatchObject({ number: null });
    expect(await textOf(first, 'marked')).toContain('222-22-22');
  });

  it('goes on with the ad that was clicked last, in whichever tab', async () => {
    const { shop, leaseOn } = await open();
    const context = await visitor();
    const [first, second] = [await context.newPage(), await context.newPage()];
    await first.clock.install();
    await first.goto(`${shop}/?utm_source=yandex`);
    await shows(first, 'marked', '111-11-11');
    await second.goto(`${shop}/?utm_source=google`);
    await shows(second, 'marked', '111-11-12');
    await first.clock.fastForward(16_000);
    await shows(first, 'marked', '111-11-12');
    await second.goto(`${shop}/delivery`);
    await shows(second, 'marked', '111-11-12');
    const { session = '' } = await leaseOn('+74951111112');
    expect(JSON.parse(session)).toMatchObject({ utm: { source: 'google' } });
  });

  it('takes no page that the browser makes ready by itself for a click', async () => {
    const { shop } = await open();
    const context = await visitor();
    const [first, ready] = [await context.newPage(), await context.newPage()];
    await first.clock.install();
    await first.goto(`${shop}/?utm_source=yandex`);
    await shows(first, 'marked', '111-11-11');
    // As while it is prerendered: Chromium does not do so under a debugger.
    await ready.addInitScript(`
      window.seen = false;
      Object.defineProperty(document, 'prerendering', { get: () => !window.seen });
      Object.defineProperty(document, 'visibilityState', { get: () => (window.seen ? 'visible' : 'hidden') });
    `);
    await ready.goto(`${shop}/?utm_source=google`, { waitUntil: 'load' });
    const asked = first.waitForResponse(/\/leases$/);
    await first.clock.fastForward(6 * 60_000);
    expect(await (await asked).json()).toMatchObject({ number: '+74951111111' });
    await ready.evaluate(`window.seen = true; document.dispatchEvent(new Event('visibilitychange'))`);
    await shows(ready, 'marked', '111-11-12');
  });

  it('is one visit for as long as the page is seen', async () => {
    const { shop } = await open({ lease: '24h' });
    const page = await (await visitor()).newPage();
    await page.clock.install();
    await page.goto(`${shop}/?utm_source=yandex`);
    await shows(page, 'marked', '111-11-11');
    await page.clock.runFor(40 * 60_000);
    await page.goto(`${shop}/delivery`);
    await shows(page, 'marked', '111-11-11');
  });

  it.each([
    ['is kept nowhere', `Object.defineProperty(window, 'localStorage', { get() { throw new Error('blocked'); } })`],
    ['is of another script', `localStorage.setItem('calltrack', '{"id":"7"}')`],
    ['is rubbish', `localStorage.setItem('calltrack', '{{')`],
    ['is of a day to come', `localStorage.setItem('calltrack', JSON.stringify({ ...${OLD}, at: 9e15 }))`],
  ])('gives a number where what storage has %s', async (_what, before) => {
    const { shop, leaseOn } = await open();
    const page = await (await visitor()).newPage();
    await page.addInitScript(before);
    await page.goto(`${shop}/?x=1`);
    await shows(page, 'marked', '111-11-11');
    const { session = '' } = await leaseOn('+74951111111');
    expect(JSON.parse(session)).toMatchObject({ landingPage: `${shop}/?x=1` });
  });

  it('is one visit for all scripts of a page, where storage keeps nothing too', async () => {
    const { shop, gatewayUrl } = await open();
    const page = await (await visitor()).newPage();
    await page.addInitScript(
      `Object.defineProperty(window, 'localStorage', { get() { throw new Error('blocked'); } })`,
    );
    await page.goto(shop);
    await shows(page, 'marked', '111-11-11');
    await bring(page, { gatewayUrl, key: KEY, number: '+74953333333' });
    await until('it is swapped', async () => (await page.getAttribute('#other', 'href')) !== 'tel:+74953333333');
    expect(await page.getAttribute('#other', 'href')).toBe('tel:+74951111111');
  });

  it('looks at its lease when the machine has slept', async () => {
    const { shop, gatewayUrl } = await open();
    const page = await (await visitor()).newPage();
    await page.clock.install();
    await page.goto(shop);
    await shows(page, 'marked', '111-11-11');
    await page.clock.setSystemTime(Date.now() + 3_600_000);
    const asked = page.waitForRequest(`${gatewayUrl}/dni/**`);
    await page.clock.runFor(15_000);
    await asked;
  });

  it('tells the number to scripts that come after it too, and they put it where it does not look', async () => {
    const { shop } = await open({ promo: 'beside' });
    const page = await (await visitor()).newPage();
    await page.clock.install();
    await page.goto(shop);
    await shows(page, 'marked', '111-11-11');
    // As docs/snippet.md has it.
    await page.evaluate(`
      const component = document.body.appendChild(document.createElement('div'));
      component.attachShadow({ mode: 'open' }).innerHTML = '<a id="inner" href="tel:+74952222222">call us</a>';
      const show = () => {
        const visitors = window.calltrackNumbers?.['+74952222222'];
        if (visitors) component.shadowRoot.querySelector('a').href = 'tel:' + visitors.number;
      };
      document.addEventListener('calltrack:number', show);
      document.addEventListener('calltrack:number', ({ detail }) => (window.told = detail));
      show();
    `);
    expect(await page.getAttribute('#inner', 'href')).toBe('tel:+74951111111');
    const { number, session, code } = await page.evaluate<Record<string, string>>(
      `window.calltrackNumbers['+74952222222']`,
    );
    expect([number, session, code]).toEqual([
      '+74951111111',
      expect.stringMatching(/^\w{32}$/),
      expect.stringMatching(/^\d{5}$/),
    ]);
    await page.route('**/dni/**', (route) => route.fulfill({ json: NOTHING_FREE, headers: ANYBODY }));
    await page.clock.fastForward(86_400_000);
    await until('it is given back', async () => (await page.getAttribute('#inner', 'href')) === 'tel:+74952222222');
    expect(await page.evaluate('window.told')).toEqual(await page.evaluate(`window.calltrackNumbers['+74952222222']`));
  });

  it('asks once where the page brings it twice', async () => {
    const { shop, gatewayUrl } = await open();
    const page = await (await visitor()).newPage();
    let asked = 0;
    page.on('request', (request) => (asked += request.url().includes('/dni/') ? 1 : 0));
    await page.clock.install();
    await page.goto(shop);
    await shows(page, 'marked', '111-11-11');
    await bring(page, { gatewayUrl, key: KEY, number: '+74952222222' });
    expect(asked).toBe(1);
    // Another number of the page is another matter.
    await bring(page, { gatewayUrl, key: KEY, number: '+74953333333' });
    await until('it is swapped', async () => (await page.getAttribute('#other', 'href')) === 'tel:+74951111111');
    await page.route('**/dni/**', (route) => route.fulfill({ json: NOTHING_FREE, headers: ANYBODY }));
    await page.clock.fastForward(86_400_000);
    await until('the one is given back', async () => (await page.getAttribute('#link', 'href')) === 'tel:+74952222222');
    await until('the other too', async () => (await page.getAttribute('#other', 'href')) === 'tel:+74953333333');
    expect([await textOf(page, 'link'), await textOf(page, 'other')]).toEqual(['(495) 222-22-22', '+7 495 333-33-33']);
  });

  it('keeps the lease alive while the page is seen', async () => {
    const { shop, leaseOn } = await open({ lease: '11s' });
    const page = await (await visitor()).newPage();
    await page.goto(shop);
    await shows(page, 'marked', '111-11-11');
    const { expiresAt: before = '' } = await leaseOn('+74951111111');
    await until(
      'the lease is extended',
      async () => Number((await leaseOn('+74951111111'))['expiresAt']) > Number(before),
    );
    expect(await textOf(page, 'marked')).toContain('111-11-11');
  });

  it('asks nothing while nobody sees the page, and at once when somebody does', async () => {
    const { shop } = await open();
    const page = await (await visitor()).newPage();
    await page.clock.install();
    await page.addInitScript(
      `window.seen = false; Object.defineProperty(document, 'visibilityState', { get: () => (window.seen ? 'visible' : 'hidden') })`,
    );
    let asked = 0;
    page.on('request', (request) => (asked += request.url().includes('/dni/') ? 1 : 0));
    const look = (seen: boolean) =>
      page.evaluate(`window.seen = ${seen}; document.dispatchEvent(new Event('visibilitychange'))`);
    // Opened in a tab behind, to be looked at later.
    await page.goto(shop, { waitUntil: 'load' });
    await page.clock.runFor(60_000);
    expect(asked).toBe(0);
    await look(true);
    await shows(page, 'marked', '111-11-11');
    await look(false);
    await page.clock.runFor(20 * 60_000);
    expect(asked).toBe(1);
    await look(true);
    await until('it asks', () => asked === 2);
  });

  it('shows the number of everybody where the pool is dry', async () => {
    const { shop } = await open({ numbers: [], fallback: '+74959999999' });
    const page = await (await visitor()).newPage();
    await page.goto(shop);
    await shows(page, 'marked', '+7 (495) 999-99-99');
  });

  it('leaves the page as it is while the gateway is away', async () => {
    const { shop, gateway, gatewayUrl } = await open();
    const page = await (await visitor()).newPage();
    // The script comes from the browser's cache; what it asks does not.
    await page.route(`${gatewayUrl}/dni/**`, (route) => route.abort());
    const failed = page.waitForEvent('requestfailed');
    await page.goto(shop);
    await failed;
    expect(await textOf(page, 'marked')).toContain('222-22-22');
    await gateway.stop();
    const without = await (await visitor()).newPage();
    await without.goto(shop);
    expect(await textOf(without, 'marked')).toContain('222-22-22');
  });

  it('gets nothing on a page of another origin', async () => {
    const { shop, leaseOn } = await open({ origins: ['https://divan.example'] });
    const page = await (await visitor()).newPage();
    const refused = page.waitForEvent('requestfailed');
    await page.goto(shop);
    expect((await refused).url()).toContain('/dni/');
    expect(await textOf(page, 'marked')).toContain('222-22-22');
    expect(await leaseOn('+74951111111')).toEqual({});
  });
});
