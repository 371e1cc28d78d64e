import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import express, { type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { AccessKeyConfig } from '../config/schema.js';
import type { Console } from '../console/router.js';
import type { CallHistory } from '../history/query.js';
import type { LeaseDesk } from '../leases/desk.js';
import type { ErrorCode } from '../lib/errors.js';
import { archiveRouter } from './archive.js';
import { auditRouter } from './audit.js';
import { authenticate, keyOf, requireScope } from './auth.js';
import { importBody, jsonBody } from './body.js';
import { callbacksRouter } from './callbacks.js';
import { callersRouter } from './callers.js';
import { callEditsRouter } from './call-edits.js';
import { callsCsvRouter, callsRouter } from './calls.js';
import { configRouter } from './config.js';
import { docsRouter } from './docs.js';
import { eventsRouter } from './events.js';
import { callExportRouter, eventExportRouter } from './exports.js';
import { healthRouter } from './health.js';
import { historyIndexRouter } from './history-index.js';
import type { WebhookDesk } from '../webhooks/desk.js';
import { leasesRouter } from './leases.js';
import { Listeners, type ListenerLimits } from './listeners.js';
import { LiveFeed } from './live.js';
import { numbersRouter, type NumberSource } from './numbers.js';
import type {
  ArchiveReader,
  CallbackDesk,
  CallEditor,
  CallerEraser,
  CallReader,
  ConfigReloader,
  EventReader,
  HistoryIndexDesk,
  MetricsPage,
  Readiness,
  RecordingControl,
  ReportSource,
  ResourceReader,
  ScreeningEditor,
} from './ports.js';
import { webhooksRouter } from './webhooks.js';
import { notFound, PROBLEM_TYPE, problemOf, problems, requestIdOf, sendProblem } from './problem.js';
import { recordingsRouter, type RecordingsSource } from './recordings.js';
import { recordingControlRouter } from './recording-control.js';
import { reportsRouter } from './reports.js';
import { listRouter, routesRouter } from './resources.js';
import { screeningRouter } from './screening.js';
import { snippetRouter, type SiteWithSnippet } from './snippet.js';
import { sharedLinksRouter } from './shared-links.js';

export interface HttpServerOptions {
  host: string;
  /** 0 takes any free port. */
  port: number;
  /** `access.keys`, asked at each request. */
  keys: () => readonly AccessKeyConfig[];
  calls: CallReader;
  history: CallHistory;
  archive: ArchiveReader;
  historyIndex: HistoryIndexDesk;
  callEditor: CallEditor;
  recordingControl: RecordingControl;
  screening: ScreeningEditor;
  callerEraser: CallerEraser;
  callbacks: CallbackDesk;
  events: EventReader;
  resources: ResourceReader;
  reports: ReportSource;
  leases: LeaseDesk;
  numbers: NumberSource;
  /** The sites, asked at each request. */
  sites: () => readonly SiteWithSnippet[];
  /** Proxies whose X-Forwarded-For is believed; addresses or CIDR ranges. */
  trustedProxies: readonly string[];
  webhooks: WebhookDesk;
  reloader: ConfigReloader;
  recordings: RecordingsSource;
  console: Console;
  readiness: () => Readiness;
  metrics: MetricsPage;
  logger: Logger;
  /** How long `stop` waits for answers in progress; 5 s when left out. */
  stopTimeoutMs?: number;
  /** After so long without a byte in either direction a connection is closed; 90 s when left out. */
  idleMs?: number;
  /** Open connections that wait for events. */
  listeners?: ListenerLimits;
  /** How often a listener of the live feed is told that nothing happens; 15 s when left out. */
  heartbeatMs?: number;
}

export interface HttpServer {
  /** Rejects where the address is taken or not ours. */
  start(): Promise<{ host: string; port: number }>;
  /** Takes no new requests, lets those in progress end, then closes what is left. Idempotent; never rejects. */
  stop(): Promise<void>;
}

const MAX_URL = 2048;
/**
 * Who asks is a proxy, which must be the one to close a connection: one that we close just as it sends a request is a 502 to whoever
 * asked. They do after 60 s (nginx, AWS), 90 s (Traefik, programs in Go) or 2 min (Caddy).
 */
const KEEP_ALIVE_MS = 125_000;
const LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: KEEP_ALIVE_MS,
};
/**
 * A connection on which nothing of an answer moves for so long (Node waits twice, where something is to be sent) is closed: who asks and
 * then reads nothing would hold his place for ever. Longer than any answer takes to begin; listeners are told each few
 * seconds that nothing happens.
 */
const IDLE_MS = 90_000;
/** Of them most may be listeners, who cost little; the others are answered at once. */
const MAX_CONNECTIONS = 3000;
const LISTENERS: ListenerLimits = { perKey: 1000, total: 2000 };

/** The HTTP interface: health, metrics and `/v1`. Everything it knows comes through `options`. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const listeners = new Listeners(options.listeners ?? LISTENERS);
  const live = new LiveFeed({
    keys: options.keys,
    events: options.events,
    listeners,
    logger: options.logger,
    heartbeatMs: options.heartbeatMs,
  });
  const app = buildApp(options, listeners, live);
  const server = createServer({ ...LIMITS, connectionsCheckingInterval: 5_000 }, app);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = options.idleMs ?? IDLE_MS;
  server.on('clientError', refuseUnreadable);
  server.on('request', (_req, res) => {
    // A connection kept alive would hold up the stop until its client loses interest.
    res.once('close', () => !server.listening && setImmediate(() => server.closeIdleConnections()));
  });
  return {
    start: () => listen(server, options),
    stop: () => {
      listeners.stop();
      options.console.stop();
      return close(server, sockets, options.stopTimeoutMs ?? 5_000);
    },
  };
}

function buildApp(options: HttpServerOptions, listeners: Listeners, live: LiveFeed): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'simple').set('case sensitive routing', true);
  app.set('trust proxy', [...options.trustedProxies]);
  app.use(securityHeaders(), tagRequest(options.logger), refuseLongUrls);
  app.use(healthRouter(options.readiness, options.metrics));
  app.use(docsRouter());
  app.use(snippetRouter(options.leases, options.sites));
  app.use('/r', sharedLinksRouter(options.recordings, options.console.shared));
  const authenticated = authenticate(options.keys, options.sites);
  // Who has no key gets no further: neither a body is read for him nor does he learn which addresses there are.
  // Only an import may be larger; what has read a body leaves nothing for the reader behind it.
  app.use('/v1/numbers/import', authenticated, requireScope('numbers:write'), importBody());
  app.use('/v1', noStore, authenticated, jsonBody());
  app.use('/v1/calls', live.router(), callExportRouter(options.calls, options));
  app.use('/v1/calls.csv', callsCsvRouter(options.history, options.logger));
  app.use(
    '/v1/calls',
    archiveRouter(options.archive, options.logger),
    historyIndexRouter(options.historyIndex),
    callsRouter(options.calls, options.history, options.archive),
    callEditsRouter(options.callEditor),
  );
  app.use('/v1/callers', callersRouter(options.callerEraser));
  app.use('/v1/callbacks', callbacksRouter(options.callbacks));
  app.use('/v1/calls', recordingControlRouter(options.recordingControl));
  app.use('/v1/screening', screeningRouter(options.screening));
  app.use('/v1/events', eventExportRouter(options.events, options), eventsRouter(options.events, listeners));
  const sites = () => options.reports.sites();
  for (const what of ['trunks', 'lines', 'destinations'] as const) {
    app.use(`/v1/${what}`, listRouter(what, options.resources, sites));
  }
  app.use('/v1/routes', routesRouter(options.resources));
  app.use('/v1/leases', leasesRouter(options.leases));
  app.use('/v1/numbers', numbersRouter(options.numbers, options.leases));
  app.use('/v1/webhooks', webhooksRouter(options.webhooks));
  app.use('/v1/recordings', recordingsRouter(options.recordings));
  app.use('/v1/audit', auditRouter(options.recordings.audit));
  app.use('/v1/reports', reportsRouter(options.reports));
  app.use('/v1/config', configRouter(options.reloader));
  // Last: its addresses are many, and everything that is nobody's is a page for people.
  app.use(options.console.router);
  app.use(notFound);
  app.use(problems(options.logger));
  return app;
}

/** HSTS is left to the proxy that ends TLS: it alone knows whether there is any. */
function securityHeaders(): RequestHandler {
  return helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    strictTransportSecurity: false,
    referrerPolicy: { policy: 'no-referrer' },
  });
}

/** An id that the answer and the log share, and one log line for each request. */
function tagRequest(logger: Logger): RequestHandler {
  return (req, res, next) => {
    res.setHeader('X-Request-Id', randomUUID());
    const startedAt = performance.now();
    res.once('close', () => {
      const fields = {
        method: req.method,
        // The path may hold anything; the route says the same without.
        route: `${req.baseUrl}${routeOf(req)}`,
        status: res.statusCode,
        durationMs: Math.round(performance.now() - startedAt),
        key: keyOf(res)?.name,
        requestId: requestIdOf(res),
      };
      logger.debug(fields, 'HTTP request');
    });
    next();
  };
}

function routeOf(req: express.Request): string {
  const route: unknown = req.route;
  return typeof route === 'object' && route !== null && 'path' in route ? String(route.path) : '*';
}

const refuseLongUrls: RequestHandler = (req, res, next) => {
  if (req.originalUrl.length <= MAX_URL) next();
  else sendProblem(res, problemOf('GW_ERR_URI_TOO_LONG', `at most ${MAX_URL} characters`));
};

const noStore: RequestHandler = (_req, res, next) => {
  res.setHeader('Cache-Control', 'no-store');
  next();
};

const UNREADABLE: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'GW_ERR_HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'GW_ERR_REQUEST_TIMEOUT',
};

/** What is not HTTP never reaches Express; Node would answer it without a body. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(UNREADABLE[error.code ?? ''] ?? 'GW_ERR_BAD_REQUEST');
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\nContent-Type: ${PROBLEM_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function listen(server: Server, { host, port }: HttpServerOptions): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      const address = server.address() as AddressInfo;
      resolve({ host: address.address, port: address.port });
    });
  });
}

function close(server: Server, sockets: ReadonlySet<Socket>, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    // With a reset: over HTTP/1.0 half an answer would be taken for a whole one.
    const timer = setTimeout(() => sockets.forEach((socket) => socket.resetAndDestroy()), timeoutMs);
    // Called with an error where it was not running: then there is nothing left to do either.
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
