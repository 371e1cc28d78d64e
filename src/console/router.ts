import express, { type Router, type RequestHandler } from 'express';
import { exactRouter } from '../http/router.js';
import type { SharedPages } from '../http/shared-links.js';
import { Desk } from './desk.js';
import { consoleFailures, consoleNotFound } from './failures.js';
import { pageHeaders } from './headers.js';
import { LiveBoard } from './live/board.js';
import { consoleRoutes } from './pages/index.js';
import { sharedPages } from './pages/shared.js';
import type { ConsoleOptions } from './ports.js';
import { Assets } from './view/assets.js';
import { Renderer } from './view/renderer.js';

const MAX_FORM = '32kb';

export interface Console {
  router: Router;
  /** For who was sent a link to a recording. */
  shared: SharedPages;
  /** Lets those go who look at the live view: an answer without an end would hold up the stop of the server. */
  stop(): void;
}

/** The console at `/`: pages for people, who log in. Everything it knows comes through `options`. */
export function createConsole(options: ConsoleOptions): Console {
  const { live, resources, logger, config, clock } = options;
  const timeZone = () => config().sites[0]?.timezone ?? 'UTC';
  const board = new LiveBoard({ live, resources, timeZone, logger, ...(clock && { clock }) });
  const assets = new Assets();
  const desk = new Desk(options, new Renderer(assets));
  const router = exactRouter();
  router.use('/assets', assets.router());
  const routes = consoleRoutes(options, desk.sessions, board);
  const form = express.urlencoded({ extended: false, limit: MAX_FORM, parameterLimit: 100 });
  for (const route of routes) {
    const before: RequestHandler[] = [pageHeaders, ...(route.method === 'post' ? [form] : [])];
    router[route.method](route.path, ...before, (req, res) => desk.serve(route, req, res));
  }
  router.use(consoleNotFound(routes));
  router.use(consoleFailures(desk, options.logger));
  const shared = sharedPages(desk, () => config().sites);
  return { router, shared, stop: () => board.stop() };
}
