import type { ReportSource, ResourceReader } from '../../src/http/ports.js';
import { explainRoute } from '../../src/routing/explain.js';
import { configSchema } from '../../src/config/schema.js';

/** For tests of the HTTP interface that are about something else. */
export const noResources: ResourceReader = {
  trunks: () => Promise.resolve([]),
  lines: () => Promise.resolve([]),
  destinations: () => Promise.resolve([]),
  drain: () => Promise.resolve(false),
  explain: (number, at) => Promise.resolve(explainRoute(emptyConfig, number, null, at)),
};

export const noReports: ReportSource = {
  peaks: () => Promise.resolve([]),
  highest: () => Promise.resolve(new Map()),
  traffic: () => Promise.resolve([]),
  callCounts: () => Promise.resolve([]),
  limits: () => [],
  sites: () => [],
};

const emptyConfig = configSchema.parse({
  trunks: [{ id: 'carrier', inbound: { from: ['192.0.2.1'] } }],
  routes: [{ id: 'none', steps: [{ announce: 'silence_stream://1000' }] }],
  sites: [{ id: 'site', defaultRoute: 'none' }],
});
