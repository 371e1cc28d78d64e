import type { GatewayConfig, RouteConfig } from '../config/schema.js';

/** Where the calls to a number go. */
interface NumberRoute {
  site: GatewayConfig['sites'][number];
  route: RouteConfig;
}

/**
 * The number's own route, or its site's. The file's numbers name what there is, but those in Redis may name what the
 * configuration has lost meanwhile: without the route they go their site's way; null: the site is none of ours, and
 * neither is the number.
 */
export function findRoute(
  { sites, routes }: Pick<GatewayConfig, 'sites' | 'routes'>,
  number: { site: string; route: string | null },
): NumberRoute | null {
  const site = sites.find(({ id }) => id === number.site);
  const route = routes.find(({ id }) => id === number.route) ?? routes.find(({ id }) => id === site?.defaultRoute);
  return site && route ? { site, route } : null;
}
