import { createHash } from 'node:crypto';
import type { Router } from 'express';
import { openApiDocument } from './openapi/document.js';
import { DOCS_STYLE, docsPage } from './openapi/view.js';
import { methodNotAllowed } from './problem.js';
import { exactRouter } from './router.js';

/** `/docs` and `/openapi.json`: the interface as it is, for people and for programs; without a key, for it is no secret. */
export function docsRouter(): Router {
  const router = exactRouter();
  const style = createHash('sha256').update(DOCS_STYLE).digest('base64');
  // Made once, when somebody first looks.
  let json: string | undefined;
  let page: string | undefined;
  router
    .route('/openapi.json')
    .get((_req, res) => {
      json ??= JSON.stringify(openApiDocument());
      res.type('json').send(json);
    })
    .all(methodNotAllowed);
  router
    .route('/docs')
    .get((_req, res) => {
      page ??= docsPage(openApiDocument());
      res.setHeader('Content-Security-Policy', `default-src 'none';style-src 'sha256-${style}';frame-ancestors 'none'`);
      res.type('html').send(page);
    })
    .all(methodNotAllowed);
  return router;
}
