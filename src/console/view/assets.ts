import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Router, Request, Response } from 'express';
import { exactRouter } from '../../http/router.js';

const require = createRequire(import.meta.url);
const own = (name: string): URL => new URL(`../assets/${name}`, import.meta.url);

/** Everything a browser loads beside the pages. */
const FILES = {
  'console.css': { type: 'text/css; charset=utf-8', file: own('console.css') },
  'console.js': { type: 'text/javascript; charset=utf-8', file: own('console.js') },
  'live.js': { type: 'text/javascript; charset=utf-8', file: own('live.js') },
  'missed.js': { type: 'text/javascript; charset=utf-8', file: own('missed.js') },
  'player.js': { type: 'text/javascript; charset=utf-8', file: own('player.js') },
  'icon.svg': { type: 'image/svg+xml', file: own('icon.svg') },
  'htmx.js': { type: 'text/javascript; charset=utf-8', file: require.resolve('htmx.org/dist/htmx.min.js') },
  'wavesurfer.js': {
    type: 'text/javascript; charset=utf-8',
    // The file for `<script>`; the package's own name for it leads to another one.
    file: require.resolve('wavesurfer.js').replace(/[^/\\]+$/, 'wavesurfer.min.js'),
  },
} as const;
export type AssetName = keyof typeof FILES;

interface Asset {
  type: string;
  etag: string;
  address: string;
  bodies: { br: Buffer; gzip: Buffer; identity: Buffer };
}

const YEAR = 31_536_000;

/** The assets, read and compressed once. Their addresses change with their content, so browsers keep them for ever. */
export class Assets {
  readonly #byAddress = new Map<string, Asset>();
  readonly #byName = new Map<string, Asset>();

  constructor() {
    for (const [name, { type, file }] of Object.entries(FILES)) {
      const identity = readFileSync(file);
      const hash = createHash('sha256').update(identity).digest('hex').slice(0, 16);
      const br = brotliCompressSync(identity, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
      const address = `${hash}/${name}`;
      const asset = { type, etag: `"${hash}"`, address, bodies: { br, gzip: gzipSync(identity), identity } };
      this.#byAddress.set(address, asset);
      this.#byName.set(name, asset);
    }
  }

  address(name: AssetName): string {
    return `/assets/${this.#byName.get(name)?.address ?? ''}`;
  }

  router(): Router {
    const router = exactRouter();
    router.get('/:hash/:name', (req, res, next) => {
      const asset = this.#byAddress.get(`${req.params.hash}/${req.params.name}`);
      if (asset) send(asset, req, res);
      else next();
    });
    return router;
  }
}

function send({ type, etag, bodies }: Asset, req: Request, res: Response): void {
  res.setHeader('Cache-Control', `public, max-age=${YEAR}, immutable`);
  res.setHeader('ETag', etag);
  res.setHeader('Vary', 'Accept-Encoding');
  if (req.fresh) {
    res.status(304).end();
    return;
  }
  const encoding = req.acceptsEncodings('br', 'gzip', 'identity') || 'identity';
  if (encoding !== 'identity') res.setHeader('Content-Encoding', encoding);
  res.type(type).send(bodies[encoding as keyof typeof bodies]);
}
