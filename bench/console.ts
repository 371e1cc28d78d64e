/**
 * npm run bench:console [-- --calls 1000000 --rounds N]: when the first row of calls is painted in Chromium, from the click on
 * an address to the frame on the screen, with cold and with warm caches; and how much script the pages load. Then
 * [--viewers 50 --waiting 5000 --seconds 60]: what it costs that so many look at a queue of so many missed callers.
 */
import { parseArgs } from 'node:util';
import { chromium, type Browser } from 'playwright-core';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { buildConsole } from '../src/composition/console.js';
import { configSchema } from '../src/config/schema.js';
import { hashPassword } from '../src/console/auth/passwords.js';
import { createHttpServer } from '../src/http/server.js';
import { GatewayMetrics } from '../src/observability/metrics.js';
import { RedisCallStore } from '../src/redis/call-store.js';
import { RedisLink } from '../src/redis/connection.js';
import { RedisHistory } from '../src/redis/history.js';
import { Keys } from '../src/redis/keys.js';
import { RedisUse } from '../src/redis/use.js';
import { httpOptions } from '../test/support/no-resources.js';
import { OwnRedis } from '../test/support/redis-server.js';
import { QueueBench } from './lib/console-queue.js';
import { HistoryFiller } from './lib/history-fill.js';

const USER = 'bench';
const PASSWORD = 'bench bench bench';
/** What was asked for, ms and bytes. */
const TARGET = { firstRowMs: 1000, scriptBytes: 200_000 };

/** Runs in the page: waits for the frame after which the first row is on the screen, in ms since the request began. */
const WATCH = `
  window.firstRowMs = new Promise((seen) => {
    const look = () => {
      if (!document.querySelector('tbody tr[data-outcome]')) return requestAnimationFrame(look);
      requestAnimationFrame(() => requestAnimationFrame(() => seen(performance.now())));
    };
    requestAnimationFrame(look);
  });
`;

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '10' },
    viewers: { type: 'string', default: '50' },
    waiting: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '60' },
  },
});
const [count, rounds] = [Number(values.calls), Number(values.rounds)];
const [viewers, waiting, seconds] = [Number(values.viewers), Number(values.waiting), Number(values.seconds)];

const redis = await OwnRedis.start();
const link = new RedisLink({ url: redis.url });
const raw = new Redis(redis.url);
try {
  await link.waitUntilReady(5_000);
  await measureAll();
} finally {
  link.close();
  raw.disconnect();
  await redis.remove();
}

async function measureAll(): Promise<void> {
  const keys = new Keys('bench:');
  console.error(`${count} calls filled in ${(await new HistoryFiller(raw, keys).fill(count)).toFixed(0)} s`);
  const server = await startServer(keys);
  const { port } = await server.start();
  const url = `http://127.0.0.1:${port}`;
  try {
    const figures = { ...(await measureList(url)), queue: await measureQueue(keys, url) };
    console.log(JSON.stringify(figures, null, 2));
  } finally {
    await server.stop();
  }
}

async function measureQueue(keys: Keys, url: string): Promise<object> {
  const queue = new QueueBench(raw, keys, link);
  await queue.lose(waiting);
  const watched = await queue.measure({ url, viewers, name: USER, password: PASSWORD }, seconds);
  return { viewers, waiting, seconds, watched };
}

async function measureList(url: string): Promise<object> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    const cold: number[] = [];
    const warm: number[] = [];
    let script = { raw: 0, sent: 0 };
    for (let round = 0; round < rounds; round += 1) {
      const seen = await openCalls(browser, url);
      cold.push(seen.coldMs);
      warm.push(seen.warmMs);
      script = seen.script;
    }
    return {
      calls: count,
      rounds,
      firstRowMs: { cold: spread(cold), warm: spread(warm), target: TARGET.firstRowMs },
      scriptBytes: { ...script, target: TARGET.scriptBytes },
    };
  } finally {
    await browser.close();
  }
}

async function startServer(keys: Keys) {
  const config = configSchema.parse({
    engines: { mode: 'sandbox' },
    trunks: [{ id: 'carrier-a', inbound: { from: ['192.0.2.1'] } }],
    routes: [{ id: 'divan', steps: [{ announce: 'silence_stream://1000' }] }],
    sites: [{ id: 'divan', timezone: 'Europe/Moscow', defaultRoute: 'divan' }],
    access: { users: [{ name: USER, role: 'supervisor', password: await hashPassword(PASSWORD) }] },
  });
  const logger = pino({ level: 'silent' });
  const none = httpOptions();
  const store = new RedisCallStore(link, keys);
  const history = new RedisHistory(link, keys, { countries: () => ['RU'], use: new RedisUse(link, keys) });
  const calls = { get: (id: string) => store.get(id) };
  const pages = buildConsole(link, keys, () => config, { ...none, calls, history, logger });
  return createHttpServer({ ...none, console: pages, logger, metrics: new GatewayMetrics() });
}

/** In a browser profile of its own: logs in, opens the list with nothing cached, then again. */
async function openCalls(browser: Browser, url: string) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript(WATCH);
  await page.goto(`${url}/login`);
  await page.fill('input[name=name]', USER);
  await page.fill('input[name=password]', PASSWORD);
  // Only the log-in's own answer: the list comes with nothing cached but the style sheet.
  await page.route('**/calls', (route) => route.abort());
  await page.press('input[name=password]', 'Enter').catch(() => undefined);
  await page.waitForTimeout(2_000);
  await page.unroute('**/calls');
  const coldMs = await firstRow(page, `${url}/calls`);
  const script = await scriptOf(page);
  const warmMs = await firstRow(page, `${url}/calls`);
  await context.close();
  return { coldMs, warmMs, script };
}

type BrowserPage = Awaited<ReturnType<Browser['newPage']>>;

async function firstRow(page: BrowserPage, address: string): Promise<number> {
  await page.goto(address);
  return page.evaluate<number>('window.firstRowMs');
}

/** What all pages together may load: the list, and beside it the player and the live view. */
async function scriptOf(page: BrowserPage): Promise<{ raw: number; sent: number }> {
  return page.evaluate<{ raw: number; sent: number }>(
    `(() => {
      const scripts = performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.js'));
      const sum = (of) => scripts.reduce((total, one) => total + of(one), 0);
      return { raw: sum((one) => one.decodedBodySize), sent: sum((one) => one.encodedBodySize) };
    })()`,
  );
}

function spread(values: number[]): { p50: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  return { p50: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0), max: Math.round(sorted.at(-1) ?? 0) };
}
