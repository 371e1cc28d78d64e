import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { BILLBOARD, LINE, OFFICE, OFFICE_NUMBER, SITE, TRUNK } from './cast.js';

export const KEY_PREFIX = 'ct:';

export interface Surroundings {
  redisUrl: string;
  webhookUrl: string;
  webhookSecret: string;
  apiKey: string;
  /** Where the office's number rings at the carrier, and where the line does: `host:port`. */
  officeAddress: string;
  lineAddress: string;
  sipPort: number;
  httpPort: number;
  /** Who logs in to the console, and the hash of his password. */
  consoleUser: { name: string; hash: string };
  /** What is kept. */
  folder: string;
  /** What goes with the demo. */
  tempFolder: string;
}

/** The gateway's configuration, as an operator would write it (config/gateway.yaml explains the keys). */
export function configuration(around: Surroundings): Record<string, unknown> {
  return {
    gateway: { id: 'gw-demo', publicUrl: `http://127.0.0.1:${around.httpPort}` },
    http: { host: '127.0.0.1', port: around.httpPort },
    redis: { url: around.redisUrl, keyPrefix: KEY_PREFIX },
    engines: { mode: 'sandbox', sandbox: { sip: `udp+tcp://127.0.0.1:${around.sipPort}` } },
    trunks: [
      {
        id: TRUNK,
        inbound: { from: ['127.0.0.0/8'], channels: 30, numbers: { country: 'RU' } },
        outbound: { to: `sip:${around.officeAddress}`, channels: 10 },
      },
    ],
    lines: [{ id: LINE, uri: `sip:101@${around.lineAddress}`, channels: 1 }],
    destinations: [{ id: OFFICE, trunk: TRUNK, number: OFFICE_NUMBER, channels: 1 }],
    routes: [
      {
        id: 'sofas',
        steps: [
          { dial: [OFFICE], for: '20s' },
          { dial: [LINE], when: 'overflow', for: '20s' },
        ],
        recording: { mode: 'always' },
      },
    ],
    sites: [{ id: SITE, timezone: 'Europe/Moscow', defaultRoute: 'sofas', webhooks: ['crm'] }],
    numbers: [
      {
        number: BILLBOARD.trackingNumber,
        site: SITE,
        kind: 'static',
        source: { utm_source: 'billboard', label: 'MKAD 32 km' },
      },
    ],
    webhooks: [
      {
        id: 'crm',
        url: around.webhookUrl,
        secret: around.webhookSecret,
        // The story is told call by call; capacity.* and trunk.* are for whoever watches the limits.
        events: ['call.*', 'recording.*'],
        allowPrivate: true,
      },
    ],
    recordings: { directory: join(around.folder, 'recordings'), spool: join(around.tempFolder, 'spool') },
    access: {
      users: [{ name: around.consoleUser.name, password: around.consoleUser.hash, role: 'supervisor' }],
      keys: [
        {
          name: 'demo',
          hash: createHash('sha256').update(around.apiKey).digest('hex'),
          scopes: ['calls:read', 'events:read'],
        },
      ],
    },
  };
}
