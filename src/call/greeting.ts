import type { GatewayConfig, SoundConfig } from '../config/schema.js';
import type { Call } from './call.js';
import type { RecordingPolicy } from './recording-policy.js';

type SiteConfig = GatewayConfig['sites'][number];

/** What FreeSWITCH says to a caller, and asks of him, before anybody is dialled. */
export interface Greeting {
  /** He is answered first, and pays from then on: keys are not passed on by carriers before the answer. */
  answers: boolean;
  headers: Record<string, string>;
  /** Of how many sounds it consists that he is recorded; 0: he is not told. */
  notices: number;
}

/** Keys in the order they are pressed, from a header of the dial-back. */
export const KEYS_HEADER = 'X-CT-Keys';
/** The key by which he declined to be recorded. */
export const DECLINED_HEADER = 'X-CT-Declined';
/** What became of each sound that he was to hear, by FreeSWITCH's words for it. */
export const SAID_HEADER = 'X-CT-Said';
const PLAYED = 'FILE PLAYED';
const BETWEEN = '!';
/**
 * FreeSWITCH's id of the caller's channel: a caller who is answered for a greeting has no bridge yet that would tell
 * it.
 */
export const CHANNEL_HEADER = 'X-CT-Channel';

/** No greeting is longer; FreeSWITCH's dial-back waits for it. */
export const GREETING_LIMIT_MS = 180_000;

/** Time to press a key after the announcement that names it. */
const DECLINE_PAUSE = 'silence_stream://1500';

interface Occasion {
  call: Call;
  /** A caller without an SDP offer has no early media: to hear anything he must be answered. */
  lateOffer: boolean;
  askPromo: boolean | undefined;
  recording: RecordingPolicy;
}

/** null where nothing is said: for nearly every call. */
export function greetingFor(occasion: Occasion, site: SiteConfig | undefined): Greeting | null {
  if (!site) return null;
  const { call, recording, lateOffer } = occasion;
  const notice = recording.mode === 'never' ? undefined : recording.announcement;
  const { announcement: question, ...promo } = site.promo;
  const asked = asks(call, occasion.askPromo, site.promo) ? question : undefined;
  if (notice === undefined && asked === undefined) return null;
  const { declineKey } = recording;
  const answers = asked !== undefined || declineKey !== undefined || lateOffer;
  const headers: Record<string, string> = answers ? { 'X-CT-Answer': 'yes' } : {};
  const notices = notice === undefined ? [] : soundsIn(notice, site.languages);
  if (notices.length > 0) {
    const after = declineKey === undefined ? [] : [DECLINE_PAUSE];
    headers['X-CT-Say'] = [...notices, ...after].join(BETWEEN);
    headers['X-CT-Decline'] = declineKey ?? 'none';
  }
  if (asked !== undefined) {
    const again = played(soundsIn(promo.retry ?? asked, site.languages));
    headers['X-CT-Ask'] =
      `${promo.digits} ${promo.tries} ${promo.timeout} ${played(soundsIn(asked, site.languages))} ${again}`;
  }
  return { answers, headers, notices: notices.length };
}

/** Whether each sound of the announcement was played: in one language alone it says nothing to who speaks the other. */
export function wasAnnounced({ notices }: Greeting, said: string | undefined): boolean {
  const heard = said?.split(BETWEEN).slice(0, notices) ?? [];
  return notices === 0 || (heard.length === notices && heard.every((one) => one === PLAYED));
}

function asks(call: Call, askPromo: boolean | undefined, { ask }: SiteConfig['promo']): boolean {
  const asking = askPromo ?? ask !== 'never';
  return asking && (ask !== 'unsure' || call.attribution.verdict !== 'exact');
}

/** In each of the site's languages, one after the other; where it has none of them, in the first that there is. */
function soundsIn(sound: SoundConfig, languages: readonly string[]): string[] {
  if (typeof sound === 'string') return [sound];
  const spoken = languages.map((language) => sound[language]).filter((file) => file !== undefined);
  return spoken.length > 0 ? spoken : Object.values(sound).slice(0, 1);
}

const played = (files: string[]): string =>
  files.length === 1 ? (files[0] ?? '') : `file_string://${files.join(BETWEEN)}`;
