import { Router } from 'express';
import type { NumberSource } from '../../src/http/numbers.js';
import { CallArchive } from '../../src/history/archive.js';
import { SealedFiles } from '../../src/recordings/sealed-files.js';
import { DiskStore } from '../../src/recordings/storage/disk.js';
import type { CallHistory } from '../../src/history/query.js';
import type { HttpServerOptions } from '../../src/http/server.js';
import type { CallEditor, EventReader, ReportSource, ResourceReader, ScreeningEditor } from '../../src/http/ports.js';
import type { RecordingsSource } from '../../src/http/recordings.js';
import { explainRoute } from '../../src/routing/explain.js';
import { configSchema, type GatewayConfig } from '../../src/config/schema.js';
import { LeaseDesk } from '../../src/leases/desk.js';
import type { LeaseStore } from '../../src/leases/ports.js';
import { WebhookDesk } from '../../src/webhooks/desk.js';
import type { TrunkStates } from '../../src/trunks/carriers/state.js';

/** For tests of the HTTP interface that are about something else. */
const noResources: ResourceReader = {
  trunks: () => Promise.resolve([]),
  lines: () => Promise.resolve([]),
  destinations: () => Promise.resolve([]),
  drain: () => Promise.resolve(false),
  explain: (number, at) => Promise.resolve(explainRoute(emptyConfig, number, null, at)),
};

const noScreening: ScreeningEditor = {
  hasSite: () => false,
  entries: () => Promise.resolve([]),
  set: (_site, pattern, list, by) => Promise.resolve({ pattern, list, by, at: new Date(0).toISOString() }),
  remove: () => Promise.resolve(false),
};

const noEdits: CallEditor = {
  amend: () => Promise.resolve(null),
  correct: () => Promise.resolve(null),
  correctByCode: () => Promise.resolve(null),
  holders: () => Promise.resolve([]),
};

const noReports: ReportSource = {
  peaks: () => Promise.resolve([]),
  highest: () => Promise.resolve(new Map()),
  traffic: () => Promise.resolve([]),
  callCounts: () => Promise.resolve([]),
  limits: () => [],
  sites: () => [],
  poolHours: () => Promise.resolve([]),
  pools: () => Promise.resolve([]),
};

const noHistory: CallHistory = {
  search: () => Promise.resolve({ calls: [], next: null, approximateTotal: 0 }),
  generation: () => Promise.resolve('1'),
  missedQueue: () => Promise.resolve({ callers: [], next: null, waiting: 0, waitingForCapacity: 0 }),
  operators: () => Promise.resolve([]),
};

/** No number is free. */
export const noLeaseStore: LeaseStore = {
  take: () => Promise.resolve({ outcome: 'dry', again: false }),
  lend: () => Promise.reject(new Error('nothing was taken')),
  find: () => Promise.resolve(null),
  findBySession: () => Promise.resolve(null),
  list: () => Promise.resolve({ leases: [], next: null }),
  extend: () => Promise.resolve(null),
  release: () => Promise.resolve(false),
};

/** No site lends anything. */
const noLeases = new LeaseDesk(noLeaseStore, () => null);

const noNumbers: NumberSource = {
  inventory: {
    list: () => Promise.resolve({ numbers: [], next: null }),
    read: () => Promise.resolve(null),
    create: () => Promise.resolve({ created: 0, unchanged: 0, conflicts: [] }),
    change: () => Promise.resolve('absent'),
    remove: () => Promise.resolve('absent'),
    holders: () => Promise.resolve({ holders: [], next: null }),
  },
  names: () => ({ sites: [], routes: [], destinations: [], fallbacks: [] }),
};
/** No receivers. */
const noWebhooks = new WebhookDesk({
  endpoints: () => [],
  entitled: () => false,
  dispatcher: {
    test: () => Promise.resolve(null),
    enable: () => Promise.resolve(false),
    disable: () => Promise.resolve(false),
    poke: () => undefined,
  },
  archive: {
    states: () => Promise.resolve([]),
    attempts: () => Promise.resolve({ attempts: [], next: null }),
    ofCall: () => Promise.resolve([]),
    find: () => Promise.resolve(null),
    feed: () => Promise.resolve([]),
    keptFrom: () => Promise.resolve(null),
    repeat: () => Promise.resolve(0),
    requeue: () => Promise.resolve(0),
    revive: () => Promise.resolve({ queued: 0, seen: 0, next: null }),
  },
});

export const noEvents: EventReader = {
  after: () => Promise.resolve({ events: [], next: '0-0', gap: null, complete: true }),
  cursorAt: (at) => `${at}-0`,
  isAfter: (cursor, other) => cursor > other,
  live: { subscribe: () => Promise.resolve(() => undefined), place: () => null },
};

const away = () => Promise.reject(new Error('there are no recordings here'));

const noRecordings: RecordingsSource = {
  archive: {
    find: () => Promise.resolve(null),
    sound: away,
    peaks: away,
    hold: away,
    setHold: away,
    remove: away,
  },
  audit: { write: away, read: () => Promise.resolve({ lines: [], next: null }) },
  links: {
    linkSecret: away,
    linkSecretOf: () => Promise.resolve(null),
    useLink: away,
    linkHolder: away,
  },
  maxLinkExpiry: () => 0,
  publicUrl: () => '',
};

/** An HTTP interface with nothing behind it, on any free port; `logger` and `metrics` are the test's. */
export const httpOptions = (): Omit<HttpServerOptions, 'logger' | 'metrics'> => ({
  host: '127.0.0.1',
  port: 0,
  keys: () => [],
  calls: { get: () => Promise.resolve(null), between: () => Promise.resolve([]) },
  history: noHistory,
  archive: new CallArchive(new SealedFiles(new DiskStore('/nowhere'), null)),
  recordingControl: { act: () => Promise.reject(new Error('no calls')) },
  callEditor: noEdits,
  screening: noScreening,
  callbacks: { report: () => Promise.resolve({ settled: [], tried: [] }) },
  historyIndex: {
    state: () => Promise.resolve({ state: 'ready', calls: null, left: 0, since: null }),
    rebuild: () => Promise.resolve(),
  },
  callerEraser: {
    erase: () => Promise.reject(new Error('nobody is kept here')),
    archived: () => Promise.resolve(null),
  },
  events: noEvents,
  resources: noResources,
  reports: noReports,
  leases: noLeases,
  numbers: noNumbers,
  sites: () => [],
  trustedProxies: [],
  webhooks: noWebhooks,
  recordings: noRecordings,
  reloader: { reload: () => Promise.resolve({ restart: [], exceeded: [] }) },
  console: {
    router: Router(),
    shared: { player: () => undefined, failed: (error, _req, _res, next) => next(error) },
    stop: () => undefined,
  },
  readiness: () => ({ ready: true, checks: {} }),
});

export const emptyConfig = configSchema.parse({
  trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
  routes: [{ id: 'none', steps: [{ announce: 'silence_stream://1000' }] }],
  sites: [{ id: 'site', defaultRoute: 'none' }],
});

/** Every trunk up, and none to be drained. */
export function unwatchedTrunks(config: () => GatewayConfig): TrunkStates {
  return {
    list: () =>
      config().trunks.map(({ id, outbound }) => ({
        id,
        up: true,
        draining: false,
        down: [],
        gateways: (outbound?.to ?? []).map(({ uri, priority, weight }) => ({
          uri,
          priority,
          weight,
          state: 'unknown',
          since: null,
          lastStatus: null,
          heldUntil: null,
          full: false,
          share: 1,
        })),
        registration: null,
        lastCallAt: null,
      })),
  };
}
