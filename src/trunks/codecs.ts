const STATIC_PAYLOADS: readonly (readonly [payload: string, name: string])[] = [
  ['0', 'PCMU'],
  ['8', 'PCMA'],
];

/**
 * An offer with these codecs alone, in this order, and with the telephone events it had (RFC 4733); everything else of it
 * stays as it was written. Where it has none of them it stays whole: the far end may say so (488), we may not offer silence.
 */
export function offerCodecs(sdp: string, codecs: readonly string[]): string {
  return sdp
    .split(/(?=^m=)/m)
    .map((section) => (section.startsWith('m=audio ') ? limitSection(section, codecs) : section))
    .join('');
}

function limitSection(section: string, codecs: readonly string[]): string {
  const [, head = '', list = ''] = /^(m=audio \S+ \S+) ([^\r\n]*)/.exec(section) ?? [];
  const payloads = list.trim().split(/\s+/);
  const names = codecNames(section);
  const named = (name: string): string[] => payloads.filter((payload) => names.get(payload) === name);
  const chosen = codecs.flatMap(named);
  if (chosen.length === 0) return section;
  const kept = [...chosen, ...named('TELEPHONE-EVENT')];
  const lines = section.split(/(?<=\n)/).filter((line) => {
    const payload = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/.exec(line)?.[1];
    return payload === undefined || kept.includes(payload);
  });
  return lines.join('').replace(/^m=audio [^\r\n]*/, `${head} ${kept.join(' ')}`);
}

/** By payload, in upper case; with 8000 Hz only, which is what a telephone network speaks. */
function codecNames(section: string): Map<string, string> {
  const names = new Map(STATIC_PAYLOADS);
  for (const [, payload = '', name = '', hz] of section.matchAll(/^a=rtpmap:(\d+) ([\w-]+)\/(\d+)/gm)) {
    if (hz === '8000') names.set(payload, name.toUpperCase());
    else names.delete(payload);
  }
  return names;
}
