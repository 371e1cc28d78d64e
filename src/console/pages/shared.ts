import type { Request, Response } from 'express';
import type { SharedPages, SharedSound } from '../../http/shared-links.js';
import { GatewayError } from '../../lib/errors.js';
import type { Desk } from '../desk.js';
import { setPageHeaders } from '../headers.js';
import type { MessageKey } from '../i18n/en.js';
import type { SiteInfo, Visit } from '../visit.js';

/** Whoever was sent it knows nothing of us: he is told what to do, in his language. */
const TEXTS: Readonly<Record<string, MessageKey>> = {
  GW_ERR_LINK_ENDED: 'shared.ended',
  GW_ERR_LINK_INVALID: 'shared.invalid',
};

/** The pages of a shared link: the recording alone, or why there is none. */
export function sharedPages(desk: Desk, sites: () => readonly SiteInfo[]): SharedPages {
  const show = (req: Request, res: Response, data: (visit: Visit) => object, status: number): void => {
    setPageHeaders(req, res);
    const visit = desk.visit(req, res, null);
    visit.page('shared', { title: visit.t('shared.title'), sound: null, why: null, ...data(visit) }, status);
  };
  return {
    player: (req, res, about) => show(req, res, (visit) => ({ sound: soundView(visit, about, sites()) }), 200),
    failed: (error, req, res, next) => {
      const key = error instanceof GatewayError ? TEXTS[error.code] : undefined;
      const away = error instanceof GatewayError && error.httpStatus === 503;
      // What else may happen is a failure of ours, and told and logged as any.
      if (key === undefined && !away) next(error);
      else show(req, res, ({ t }) => ({ why: t(key ?? 'shared.away') }), (error as GatewayError).httpStatus);
    },
  };
}

function soundView({ format }: Visit, about: SharedSound, sites: readonly SiteInfo[]) {
  const zone = sites.find(({ id }) => id === about.site)?.timezone ?? 'UTC';
  return {
    ...about,
    zone,
    time: format.minute(about.startedAt, zone),
    until: format.minute(about.expiresAt, zone),
    length: format.clock(about.durationSeconds),
  };
}
