import type { Applications } from './applications.js';
import type { Channel } from './channel.js';
import { openTone } from './frame-source.js';
import type { InboundLeg } from './inbound-leg.js';

const ASK = /^([1-9]) ([1-9]) (\d{4,5}) (\S{1,1000}) (\S{1,1000})$/;
const RINGBACK = '%(1000,4000,425);loops=-1';

/** What the dialplan says to a caller before anybody is dialled; gives the headers that it exports to the dialled leg. */
export async function greet(
  channel: Channel,
  leg: InboundLeg,
  applications: Applications,
): Promise<Record<string, string>> {
  const exported: Record<string, string> = {};
  const run = (name: string, data: string): Promise<void> => applications.execute(channel, name, data);
  if (leg.header('X-CT-Answer') === 'yes') {
    exported['X-CT-Channel'] = channel.uuid;
    channel.set('media_timeout', String(channel.media.mediaTimeoutMs));
    await run('answer', '');
  }
  const say = leg.header('X-CT-Say');
  if (/^\S{1,1000}$/.test(say)) {
    channel.set('playback_terminators', leg.header('X-CT-Decline'));
    let said = '';
    for (const one of say.split('!')) {
      await run('playback', one);
      said += `${channel.get('current_application_response') ?? ''}!`;
      if (channel.get('playback_terminator_used') !== undefined) break;
    }
    exported['X-CT-Said'] = said;
    exported['X-CT-Declined'] = channel.get('playback_terminator_used') ?? '';
    channel.set('playback_terminators', 'none');
  }
  const ask = ASK.exec(leg.header('X-CT-Ask'));
  if (ask !== null) {
    const [, digits = '', tries = '', timeout = '', first = '', again = ''] = ask;
    await run(
      'play_and_get_digits',
      `0 ${digits} ${tries} ${timeout} # ${first} ${again} calltrack_keys [0-9]{${digits}} ${timeout}`,
    );
    exported['X-CT-Keys'] = channel.get('calltrack_keys') ?? '';
  }
  return Object.fromEntries(Object.entries(exported).filter(([, value]) => value !== ''));
}

/** As `transfer_ringback` has it: an answered caller hears nobody's ringing otherwise. */
export function playRingback(channel: Channel): void {
  channel.media.source = openTone(RINGBACK);
}
