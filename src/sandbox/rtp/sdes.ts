import { SUITE } from './srtp.js';

/** How a side wants its sound: only encrypted, only in the clear, or as the other side offers it. */
export type SrtpMode = 'mandatory' | 'forbidden' | 'optional';

export interface Crypto {
  tag: number;
  /** Base64 of key and salt. */
  inline: string;
}

/** The key that a description offers for our suite (RFC 4568); undefined where there is none that we understand. */
export function cryptoOf(
  lines: readonly { id: number; suite: string; config: string; sessionConfig?: string }[] | undefined,
): Crypto | undefined {
  for (const { id, suite, config, sessionConfig } of lines ?? []) {
    const inline = /^inline:([\w+/]{40})(?:\|2\^\d+|\|\d+)?$/.exec(config)?.[1];
    if (suite === SUITE && inline !== undefined && sessionConfig === undefined) return { tag: id, inline };
  }
  return undefined;
}

/** Whether `mode` takes an `m=` line of this profile: with a key only in RTP/SAVP, where it is taken at all. */
export function fits(mode: SrtpMode, protocol: string, crypto: Crypto | undefined): boolean {
  if (protocol === 'RTP/SAVP') return mode !== 'forbidden' && crypto !== undefined;
  return protocol === 'RTP/AVP' && mode !== 'mandatory';
}

export const cryptoLine = ({ tag, inline }: Crypto): string => `a=crypto:${tag} ${SUITE} inline:${inline}`;
