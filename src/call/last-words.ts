import { withDeadline } from '../lib/deadline.js';
import type { CallInvites } from './call-invites.js';
import type { CallMedia } from './call-media.js';
import { CHANNEL_HEADER } from './greeting.js';
import type { DialogLeg, IncomingInvite } from './sip-ports.js';

/** No announcement is longer. */
const TIMEOUT_MS = 60_000;

interface LastWordsDeps {
  /** The caller's. */
  invite: IncomingInvite;
  invites: Pick<CallInvites, 'dialBack'>;
  media: Pick<CallMedia, 'server'>;
  leg: (role: 'caller' | 'media-caller') => DialogLeg | null;
}

/**
 * The announcement for a caller whom nobody took, before he is let go. Settles when he has heard it or has left; never
 * rejects.
 */
export class LastWords {
  #hush: () => void = () => undefined;
  readonly #hushed = new Promise<void>((resolve) => {
    this.#hush = resolve;
  });

  constructor(private readonly deps: LastWordsDeps) {}

  /** To a caller who was not answered: as early media. */
  async announce(sound: string): Promise<void> {
    const { media, invite } = this.deps;
    await Promise.race([media.server?.announce(invite, sound), this.#hushed]);
  }

  /**
   * To a caller who was answered for a greeting: FreeSWITCH's dialplan plays it once its dial-back has been refused.
   */
  async tell(sound: string, status: number): Promise<void> {
    await Promise.race([this.#tell(sound, status), this.#hushed]);
  }

  /** The gateway stops, and would not be there to let him go; or FreeSWITCH has died, and he hears nothing anyway. */
  cutShort(): void {
    this.#hush();
  }

  async #tell(sound: string, status: number): Promise<void> {
    const { invites, media, leg } = this.deps;
    const channel = invites.dialBack?.header(CHANNEL_HEADER);
    if (!media.server || channel === undefined) return;
    await media.server.setLastWords(channel, sound);
    const over = new Promise<void>((resolve) => leg('media-caller')?.onEnd(() => resolve()));
    const callerLeft = new Promise<void>((resolve) => leg('caller')?.onEnd(() => resolve()));
    invites.dialBack?.refuse(status);
    await withDeadline(Promise.race([over, callerLeft]), TIMEOUT_MS, 'announcement').catch(() => undefined);
  }
}
