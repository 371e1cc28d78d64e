import { may, type Permission } from '../access.js';
import { COLUMN_KINDS, COLUMN_NAMES } from './columns.js';
import { LANGUAGE_NAMES } from '../i18n/index.js';
import { THEMES, type Visit } from '../visit.js';
import type { AssetName, Assets } from './assets.js';
import { templates } from './templates.js';

/** The pages of the menu, and what one must be allowed to see each. */
export const MENU = [
  { path: '/calls', key: 'nav.calls', needs: 'calls:read' },
  { path: '/missed', key: 'nav.missed', needs: 'calls:edit' },
  { path: '/live', key: 'nav.live', needs: 'live' },
  { path: '/capacity', key: 'nav.capacity', needs: 'capacity' },
  { path: '/operators', key: 'nav.operators', needs: 'operators' },
  { path: '/deliveries', key: 'nav.deliveries', needs: 'deliveries' },
  { path: '/audit', key: 'nav.audit', needs: 'audit' },
] as const satisfies readonly { path: string; key: string; needs: Permission }[];

/** Puts what every page shows around what one page shows. */
export class Renderer {
  constructor(private readonly assets: Assets) {}

  render(visit: Visit, template: string, data: object): string {
    const { session, language, theme, nonce, requestId, req } = visit.parts;
    const frame = {
      ...data,
      t: visit.t,
      f: visit.format,
      word: (prefix: string, value: string) => visit.name(prefix, value),
      may: (permission: Permission) => visit.may(permission),
      asset: (name: AssetName) => this.assets.address(name),
      user: session?.user ?? null,
      csrf: session?.csrf ?? null,
      menu: session ? MENU.filter(({ needs }) => may(session.user, needs)) : [],
      path: req.path,
      address: req.originalUrl,
      languages: LANGUAGE_NAMES,
      themes: THEMES,
      columnNames: COLUMN_NAMES,
      columnKinds: COLUMN_KINDS,
      language,
      theme,
      nonce,
      requestId,
    };
    return templates.render(template, frame);
  }
}
