import type { CallRegistry } from '../call/registry.js';
import type { TrunkConfig } from '../config/schema.js';
import type { Readiness } from '../http/ports.js';
import type { FreeSwitchPool } from '../media/pool.js';
import type { RedisLink } from '../redis/connection.js';
import type { DrachtioSipSide } from '../sip/sip-side.js';
import type { CarrierTrunks } from '../trunks/carriers/carriers.js';
import { takes } from '../trunks/gate.js';
import type { Phones } from './phones.js';
import type { RecordingHouse } from './recordings.js';

interface IntakeParts {
  link: Pick<RedisLink, 'trouble'>;
  registry: Pick<CallRegistry, 'inProgress'>;
  recordings: Pick<RecordingHouse, 'health'>;
  phones: Pick<Phones, 'registrar'>;
  gate: (address: string) => TrunkConfig | null;
  /** These are there once the gateway is built; nobody asks before. */
  sip: () => Pick<DrachtioSipSide, 'up'>;
  media: () => Pick<FreeSwitchPool, 'health' | 'owns'>;
  carriers: () => Pick<CarrierTrunks, 'drains'>;
}

/** Whether new calls are taken, and the two who ask: `/readyz` for orchestrators, OPTIONS for carriers. */
export class Intake {
  #open = true;

  constructor(private readonly parts: IntakeParts) {}

  /** False once the gateway drains or stops. */
  get open(): boolean {
    return this.#open;
  }

  close(): void {
    this.#open = false;
  }

  readiness(): Readiness {
    const { link, registry, recordings, sip, media } = this.parts;
    const check = (ok: boolean, otherwise: string) => (ok ? { ok } : { ok, detail: otherwise });
    const servers = Object.entries(media().health()).map(([id, healthy]) => `${id} ${healthy ? 'up' : 'down'}`);
    const checks = {
      redis: check(link.trouble === null, link.trouble ?? ''),
      drachtio: check(sip().up, 'no connection'),
      media: { ok: this.#hasMedia, detail: servers.join(', ') },
      accepting: check(this.#open, `no new calls, ${registry.inProgress} still in progress`),
      recordings: recordings.health,
    };
    return { ready: Object.values(checks).every(({ ok }) => ok), checks };
  }

  /**
   * 503 where no calls are taken: a carrier that hears it sends none. Redis does not count, since calls go on without it.
   * To its own engines and phones the gateway is as known as to a carrier; who else asks learns nothing (403).
   */
  optionsStatus({ address, protocol }: { address: string; protocol: string }): 200 | 403 | 503 {
    const { gate, phones, media, carriers } = this.parts;
    const named = gate(address);
    const trunk = named && takes(named, protocol) ? named : null;
    if (!trunk && !media().owns(address) && !phones.registrar.knows(address)) return 403;
    const drained = trunk !== null && carriers().drains.has('trunk', trunk.id);
    return this.#hasMedia && this.#open && !drained ? 200 : 503;
  }

  get #hasMedia(): boolean {
    return Object.values(this.parts.media().health()).some((healthy) => healthy);
  }
}
