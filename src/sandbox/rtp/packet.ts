/** RTP fixed header (RFC 3550 section 5.1). */

export const RTP_HEADER_BYTES = 12;
/** One tick of media: 20 ms at 8 kHz. */
export const FRAME_SAMPLES = 160;
export const SAMPLE_RATE = 8000;

interface RtpHeader {
  payloadType: number;
  marker: boolean;
  sequence: number;
  timestamp: number;
  ssrc: number;
  /** Where the payload begins and ends in the datagram, after CSRCs and extension, before padding. */
  payloadStart: number;
  payloadEnd: number;
}

/** A header to parse into: the receive path reuses one per socket instead of allocating one per packet. */
export const emptyHeader = (): RtpHeader => ({
  payloadType: 0,
  marker: false,
  sequence: 0,
  timestamp: 0,
  ssrc: 0,
  payloadStart: 0,
  payloadEnd: 0,
});

/** Parses `datagram` into `header`; false when it is not RTP version 2 or is cut short. */
export function readRtpHeader(datagram: Buffer, header: RtpHeader): boolean {
  if (datagram.length < RTP_HEADER_BYTES) return false;
  const first = datagram.readUInt8(0);
  if (first >> 6 !== 2) return false;
  const second = datagram.readUInt8(1);
  let start = RTP_HEADER_BYTES + (first & 0x0f) * 4;
  if ((first & 0x10) !== 0) {
    if (datagram.length < start + 4) return false;
    start += 4 + datagram.readUInt16BE(start + 2) * 4;
  }
  let end = datagram.length;
  if ((first & 0x20) !== 0) end -= datagram.readUInt8(datagram.length - 1);
  if (start > end) return false;
  header.marker = (second & 0x80) !== 0;
  header.payloadType = second & 0x7f;
  header.sequence = datagram.readUInt16BE(2);
  header.timestamp = datagram.readUInt32BE(4);
  header.ssrc = datagram.readUInt32BE(8);
  header.payloadStart = start;
  header.payloadEnd = end;
  return true;
}

/** Writes the twelve octets of a header without CSRCs, extension or padding. */
export function writeRtpHeader(
  target: Buffer,
  header: Pick<RtpHeader, 'payloadType' | 'marker' | 'sequence' | 'timestamp' | 'ssrc'>,
): void {
  target.writeUInt8(0x80, 0);
  target.writeUInt8((header.marker ? 0x80 : 0) | header.payloadType, 1);
  target.writeUInt16BE(header.sequence & 0xffff, 2);
  target.writeUInt32BE(header.timestamp >>> 0, 4);
  target.writeUInt32BE(header.ssrc >>> 0, 8);
}
