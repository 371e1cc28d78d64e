import type { VisitorSession } from '../src/call/call.js';

/** Who plays in the demo: numbers, visitors, phones and the tones they speak in. */

export const SITE = 'sofa-shop';
export const TRUNK = 'carrier-a';
export const OFFICE = 'main-office';
export const LINE = 'sales-1';
export const OFFICE_NUMBER = '+74951230000';

/** Hz: far from each other, and none a multiple of another. */
export const TONES = { caller: 440, [OFFICE]: 660, [LINE]: 1000 } as const;

export type PhoneName = keyof typeof TONES;

export interface CastCall {
  name: string;
  /** The number he saw on the site, or on a billboard. */
  trackingNumber: string;
  callerNumber: string;
  /** Whose number it is at the moment; null for a number bound to a source. */
  visitor: VisitorSession | null;
}

export const ANNA: CastCall = {
  name: 'call 1',
  trackingNumber: '+74951110001',
  callerNumber: '+79160000001',
  visitor: visitor('anna', 'yandex', 'corner-sofas', 'угловой диван купить'),
};

export const BILLBOARD: CastCall = {
  name: 'call 2',
  trackingNumber: '+74952220000',
  callerNumber: '+79160000002',
  visitor: null,
};

export const BORIS: CastCall = {
  name: 'call 3',
  trackingNumber: '+74951110003',
  callerNumber: '+79160000003',
  visitor: visitor('boris', 'google', 'sofa-beds', 'sofa bed delivery today'),
};

export const VERA: CastCall = {
  name: 'call 4',
  trackingNumber: '+74951110004',
  callerNumber: '+79160000004',
  visitor: visitor('vera', 'google', 'leather', 'leather sofa sale'),
};

/** Lent for as long as the demo stays up: for calls of the reader's own. */
export const READER: CastCall = {
  name: 'your call',
  trackingNumber: '+74951110009',
  callerNumber: '+79160000009',
  visitor: visitor('you', 'newsletter', 'try-it', 'call tracking demo'),
};

export const SHOWN: readonly CastCall[] = [ANNA, BILLBOARD, BORIS, VERA];

function visitor(name: string, source: string, campaign: string, keyword: string): VisitorSession {
  return {
    id: `session-${name}`,
    visitorId: `visitor-${name}`,
    landingPage: `https://sofa-shop.example/?utm_source=${source}&utm_campaign=${campaign}`,
    referrer: `https://${source}.example/`,
    utm: { source, medium: 'cpc', campaign, content: null, term: keyword },
    keyword,
    gclid: source === 'google' ? `gclid-${name}` : null,
    yclid: source === 'yandex' ? `yclid-${name}` : null,
    gaClientId: null,
    ymClientId: null,
  };
}
