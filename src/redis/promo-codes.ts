import type { Holder } from '../call/ports.js';
import type { CodeRequest, PromoCode, PromoStore } from '../leases/ports.js';
import type { RedisLink } from './connection.js';
import { parseHolderJson } from './holders.js';
import type { Keys } from './keys.js';
import { asNumber, asStrings, loadScript } from './scripts.js';

const lendScript = loadScript('lend-code');

/** Promo codes and whose they are; all of one site's in one hash tag. */
export class RedisPromoCodes implements PromoStore {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: Keys,
  ) {}

  lendCode(request: CodeRequest): Promise<PromoCode | 'held' | null> {
    const { site, session, codes, asker } = request;
    const { keys } = this;
    return this.link.run({
      script: lendScript,
      keys: [
        keys.sessionCode(site, session.id),
        keys.codeAsker(site, asker?.id ?? ''),
        ...codes.map((code) => keys.promoCode(site, code)),
      ],
      args: [
        keys.promoCode(site, ''),
        request.leaseIdStart,
        session.id,
        site,
        JSON.stringify(session),
        request.lengthMs,
        request.restMs,
        codes[0]?.length ?? 0,
        asker?.most ?? '',
        ...codes,
      ],
      read: (reply) => {
        const [code, expiresAt] = asStrings(reply);
        if (code === 'held') return code;
        return typeof code === 'string' ? { code, expiresAt: asNumber(expiresAt) } : null;
      },
    });
  }

  async findCode(site: string, code: string): Promise<Holder | null> {
    const json = await this.link.send((client) => client.get(this.keys.promoCode(site, code)));
    return json === null ? null : parseHolderJson(json);
  }
}
