/** A Range of one piece (RFC 9110 section 14); both bytes included. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * What a `Range` header asks of `bytes` bytes. `whole`: there is none, it is none of bytes, it asks for several pieces at
 * once, or it is malformed: then it is to be passed over (RFC 9110 14.2). `unsatisfiable`: it lies behind the end.
 */
export function readByteRange(header: string | undefined, bytes: number): ByteRange | 'whole' | 'unsatisfiable' {
  const [, from = '', to = ''] = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '') ?? [];
  if (from === '' && to === '') return 'whole';
  if (from === '') {
    const last = Number(to);
    if (last === 0) return 'unsatisfiable';
    return { start: Math.max(0, bytes - last), end: bytes - 1 };
  }
  const start = Number(from);
  const end = to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1);
  if (to !== '' && Number(to) < start) return 'whole';
  return start >= bytes ? 'unsatisfiable' : { start, end };
}

/**
 * Whether the `Range` still means what the client has (RFC 9110 13.1.5): a strong ETag that is ours, or our exact
 * `Last-Modified`. Without `If-Range` it does.
 */
export function rangeHolds(ifRange: string | undefined, etag: string, lastModified: string): boolean {
  return ifRange === undefined || ifRange === etag || ifRange === lastModified;
}

/** `If-None-Match` (RFC 9110 13.1.2): compared weakly. */
export function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}
