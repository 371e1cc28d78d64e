import { onTestFinished } from 'vitest';
import { CallAmender } from '../../src/call/amender.js';
import type { Call } from '../../src/call/call.js';
import { CallRecording } from '../../src/call/call-recording.js';
import type { RecordingPolicy } from '../../src/call/recording-policy.js';
import type { Holder } from '../../src/call/ports.js';
import { buildConsole } from '../../src/composition/console.js';
import { reportSource } from '../../src/composition/http-sources.js';
import { callEditor } from '../../src/composition/call-editor.js';
import { callbackDesk } from '../../src/composition/callback-desk.js';
import { recordingControl } from '../../src/composition/recording-control.js';
import { configSchema, CONSOLE_ROLES, type ConsoleUserConfig, type S3Config } from '../../src/config/schema.js';
import { hashPassword } from '../../src/console/auth/passwords.js';
import type { ConsoleOptions } from '../../src/console/ports.js';
import type { SeenHealth } from '../../src/health/health.js';
import { createHttpServer } from '../../src/http/server.js';
import type { LimitUse, ResourceReader } from '../../src/http/ports.js';
import { systemClock } from '../../src/lib/clock.js';
import { GatewayMetrics } from '../../src/observability/metrics.js';
import { RedisAmendments } from '../../src/redis/amendments.js';
import { RedisCallbacks } from '../../src/redis/callbacks.js';
import { RedisCallStore } from '../../src/redis/call-store.js';
import { RedisHistory } from '../../src/redis/history.js';
import { RedisUse } from '../../src/redis/use.js';
import { exampleChange } from '../redis/examples.js';
import { httpOptions, unwatchedTrunks } from './no-resources.js';
import { openHouse } from './recording-house.js';

export const PASSWORD = 'correct horse battery';
/** The only day of which the archive has calls. */
export const ARCHIVED_DAY = '2026-01-02';
const passwordHash = hashPassword(PASSWORD);

/** One of each role who sees everything, and an agent of one site. */
async function everybody(): Promise<ConsoleUserConfig[]> {
  const password = await passwordHash;
  const users: ConsoleUserConfig[] = CONSOLE_ROLES.map((role) => ({ name: role, password, role }));
  return [...users, { name: 'olga', password, role: 'agent', sites: ['divan'], language: 'ru' }];
}

export interface ConsoleWorld {
  /** Beside the usual ones. */
  config?: Record<string, unknown>;
  publicUrl?: string;
  /** Where recordings are kept; a folder when left out. */
  s3?: S3Config;
  webhooks?: ConsoleOptions['webhooks'];
  clock?: () => number;
  /** Of every number, the latest first; the first one has the promo code 48210. */
  holders?: Holder[];
  /** Of its only line; not watched when left out. */
  lineHealth?: SeenHealth;
}

/** A talk of this gateway, whose FreeSWITCH does what it is told. */
interface Talk {
  readonly call: Call;
  readonly recording: CallRecording;
  /** What FreeSWITCH was told. */
  readonly told: string[];
  written(): Promise<void>;
}

/** The console on a real server, with a real Redis and a folder of recordings behind it; calls are written by the test. */
export async function openConsole(world: ConsoleWorld = {}) {
  const house = await openHouse(world.s3 && { s3: world.s3 });
  const { link, keys, logger } = house;
  const config = configSchema.parse({
    gateway: { id: 'gw-1', publicUrl: world.publicUrl ?? 'http://127.0.0.1:8080' },
    engines: { mode: 'sandbox' },
    trunks: [
      {
        id: 'carrier-a',
        inbound: { from: ['192.0.2.1'], channels: 30 },
        outbound: { to: 'sip:192.0.2.1', channels: 10 },
      },
    ],
    lines: [{ id: 'sales-1', uri: 'sip:101@192.0.2.2', channels: 1 }],
    destinations: [{ id: 'main-office', trunk: 'carrier-a', number: '+74951230000', channels: 4 }],
    routes: [{ id: 'divan', steps: [{ dial: ['main-office'] }, { dial: ['sales-1'], when: 'overflow' }] }],
    sites: [
      { id: 'divan', timezone: 'Europe/Moscow', defaultRoute: 'divan' },
      { id: 'shop', timezone: 'Europe/Moscow', defaultRoute: 'divan' },
    ],
    ...world.config,
  });
  config.access.users = await everybody();
  const store = new RedisCallStore(link, keys);
  const use = new RedisUse(link, keys);
  const reports = reportSource(use, { config: () => config, pools: () => Promise.resolve([]) });
  const amendments = new RedisAmendments(link, keys, store.owner, () => undefined);
  const amender = new CallAmender({ store: amendments, living: () => null, endpointsFor: () => [], logger });
  const calls = { get: (id: string) => store.get(id) };
  const recordings = recordingsOf(house, config.gateway.publicUrl);
  const talks = new Map<string, Talk>();
  const { holders = [] } = world;
  const number = { number: '', site: 'divan', kind: 'dynamic', route: null, source: null, enabled: true } as const;
  const admissions = { lookUp: () => Promise.resolve({ number, lease: null, holders }) } as never;
  const promoCodes = { find: (_site: string, code: string) => Promise.resolve(code === '48210' ? holders[0] : null) };
  const pages = buildConsole(link, keys, () => config, {
    calls,
    archive: { has: (day) => Promise.resolve(day === ARCHIVED_DAY) },
    callEditor: callEditor(amender, calls, admissions, promoCodes as never),
    recordingControl: recordingControl(
      { find: (id: string) => talks.get(id) ?? null } as never,
      calls,
      recordings.audit,
      () => 'gw-1',
    ),
    history: new RedisHistory(link, keys, { countries: () => ['RU'], use }),
    resources: resourcesOf(() => inUse, world.lineHealth ?? null),
    reports,
    recordings,
    webhooks: world.webhooks ?? httpOptions().webhooks,
    logger,
    ...(world.clock && { clock: world.clock }),
  });
  const server = createHttpServer({
    ...httpOptions(),
    recordings,
    console: pages,
    logger,
    metrics: new GatewayMetrics(),
    stopTimeoutMs: 200,
  });
  const { port } = await server.start();
  onTestFinished(() => server.stop());
  const inUse = { 'main-office': 1 } as Record<string, number>;
  const url = `http://127.0.0.1:${port}`;
  /** Written down as ended; with `sound` recorded first. */
  const end = async (call: Call, sound?: Buffer): Promise<Call> => {
    house.calls.set(call.id, call);
    if (sound) await house.record(call, sound);
    await store.commit(exampleChange(call, ['call.received'], { closed: call.endedAt !== null }));
    return call;
  };
  /** Written down as a talk that goes on. */
  const talk = async (call: Call, mode: RecordingPolicy['mode'] = 'always'): Promise<Talk> => {
    const told: string[] = [];
    let writing = Promise.resolve();
    const write = () => {
      writing = writing.then(() => store.commit(exampleChange(call, [])));
    };
    const recording = new CallRecording(call, {
      clock: systemClock,
      recordings: {
        refusal: () => null,
        settle: () => Promise.resolve(call.recording),
        discard: () => Promise.resolve(),
      },
      metrics: new GatewayMetrics({ nodeDefaults: false }),
      media: () => ({ record: (...[, , action]: string[]) => Promise.resolve(void told.push(action ?? '')) }) as never,
      record: () => undefined,
      changed: write,
      changedQuietly: () => undefined,
      untilStopped: () => Promise.resolve(),
      logger,
    });
    recording.plan({ mode }, false);
    recording.mediaEvent({ type: 'channel', leg: 'caller', channelId: 'channel-1' });
    recording.mediaEvent({ type: 'bridged' });
    if (mode === 'always') recording.mediaEvent({ type: 'recording-started' });
    await end(call);
    const one = { call, recording, told, written: () => writing };
    talks.set(call.id, one);
    return one;
  };
  const callbacks = callbackDesk(new RedisCallbacks(link, keys), amender, () => ['RU']);
  const login = async (name: string): Promise<Visitor> => {
    const visitor = new Visitor(url);
    await visitor.logIn(name, PASSWORD);
    return visitor;
  };
  return { url, house, link, keys, config, store, end, talk, talks, callbacks, login, inUse, logger };
}

function recordingsOf(
  { archive, audit, facts }: Awaited<ReturnType<typeof openHouse>>,
  publicUrl: string,
): ConsoleOptions['recordings'] {
  return { archive, audit, links: facts, maxLinkExpiry: () => 30 * 86_400_000, publicUrl: () => publicUrl };
}

/** Channels in use as the test says. */
function resourcesOf(inUse: () => Record<string, number>, lineHealth: SeenHealth | null): ResourceReader {
  const useOf = (id: string, kind: LimitUse['kind'], limit: number | null): LimitUse => ({
    kind,
    channels: { inUse: inUse()[id] ?? 0, limit, peakToday: inUse()[id] ?? 0 },
  });
  const { resources } = httpOptions();
  return {
    ...resources,
    trunks: () =>
      Promise.resolve(
        unwatchedTrunks(() => ({ trunks: [{ id: 'carrier-a' }] }) as never)
          .list()
          .map((state) => ({ ...state, limits: [useOf('carrier-a', 'trunk-in', 30)] })),
      ),
    lines: () =>
      Promise.resolve([
        {
          id: 'sales-1',
          uri: 'sip:101@192.0.2.2',
          state: 'fixed',
          draining: false,
          health: lineHealth,
          registrations: null,
          ...useOf('sales-1', 'line', 1),
        },
      ]),
    destinations: () =>
      Promise.resolve([
        {
          id: 'main-office',
          number: '+74951230000',
          trunk: 'carrier-a',
          trunkUp: true,
          draining: false,
          ...useOf('main-office', 'destination', 4),
        },
      ]),
  };
}

export interface Page {
  status: number;
  headers: Headers;
  html: string;
}

/** A browser without scripts: keeps cookies, follows nothing. */
export class Visitor {
  readonly cookies = new Map<string, string>();

  constructor(readonly url: string) {}

  async get(path: string, headers: Record<string, string> = {}): Promise<Page> {
    return this.#ask(path, { headers });
  }

  /** Sends a form with the token of this session, as a page of ours would. */
  async post(path: string, form: Record<string, string> = {}, headers: Record<string, string> = {}): Promise<Page> {
    const token = this.cookies.has('calltrack-session') ? await this.csrf() : '';
    return this.send(path, { _csrf: token, ...form }, headers);
  }

  /** Sends a form as it is. */
  async send(path: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Page> {
    return this.#ask(path, { method: 'POST', body: new URLSearchParams(form), headers });
  }

  async logIn(name: string, password: string, headers: Record<string, string> = {}): Promise<Page> {
    const { html } = await this.get('/login');
    const token = /name="_csrf" value="([^"]+)"/.exec(html)?.[1] ?? '';
    return this.send('/login', { _csrf: token, name, password }, headers);
  }

  async csrf(): Promise<string> {
    // Any page that this role may see has the form for its look.
    let page = await this.get('/');
    for (let hop = 0; hop < 3 && page.status === 303; hop += 1)
      page = await this.get(page.headers.get('location') ?? '');
    return /name="_csrf" value="([^"]+)"/.exec(page.html)?.[1] ?? '';
  }

  async #ask(path: string, init: Omit<RequestInit, 'headers'> & { headers: Record<string, string> }): Promise<Page> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const usual = { Accept: 'text/html', 'Accept-Language': 'en', ...(cookie === '' ? {} : { Cookie: cookie }) };
    const headers: Record<string, string> = { ...usual, ...init.headers };
    const response = await fetch(`${this.url}${path}`, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return { status: response.status, headers: response.headers, html: await response.text() };
  }
}
