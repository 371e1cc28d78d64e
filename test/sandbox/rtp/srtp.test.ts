import { describe, expect, it } from 'vitest';
import { RTP_HEADER_BYTES, writeRtpHeader } from '../../../src/sandbox/rtp/packet.js';
import { deriveKey, keystream, newKey, SrtpContext, TAG_BYTES } from '../../../src/sandbox/rtp/srtp.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

function packet(sequence: number, text = 'a word', ssrc = 7): Buffer {
  const octets = Buffer.alloc(RTP_HEADER_BYTES + text.length, text);
  octets.write(text, RTP_HEADER_BYTES);
  writeRtpHeader(octets, { payloadType: 8, marker: false, sequence, timestamp: 160, ssrc });
  return octets;
}

const protect = (context: SrtpContext, plain: Buffer): Buffer => context.protect(plain, plain.length);

describe('SRTP', () => {
  it('makes the key stream of RFC 3711 B.2', () => {
    const key = hex('2B7E151628AED2A6ABF7158809CF4F3C');
    const stream = keystream(key, hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000'), 48);
    expect(stream).toEqual(
      hex('E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0'),
    );
  });

  it('derives the keys of RFC 3711 B.3', () => {
    const [key, salt] = [hex('E1F97A0D3E018BE0D64FA32C06DE4139'), hex('0EC675AD498AFEEBB6960B3AABE6')];
    expect(deriveKey(key, salt, 0, 16)).toEqual(hex('C61E7A93744F39EE10734AFE3FF7A087'));
    expect(deriveKey(key, salt, 2, 14)).toEqual(hex('30CBBC08863D8C85D49DB34A9AE1'));
    expect(deriveKey(key, salt, 1, 20)).toEqual(hex('CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4'));
  });

  it('goes both ways, over the turn of the sequence number and past packets that come late', () => {
    const key = newKey();
    const [sender, receiver] = [new SrtpContext(key), new SrtpContext(key)];
    const plain = [65_534, 65_535, 0, 1].map((sequence) => packet(sequence));
    const [first, last, turned, behind] = plain.map((one) => protect(sender, one));
    expect(first?.length).toBe((plain[0]?.length ?? 0) + TAG_BYTES);
    expect(first?.includes('a word')).toBe(false);
    const heard = [first, turned, last, behind].map((one) => receiver.unprotect(one ?? Buffer.alloc(0)));
    expect(heard).toEqual([plain[0], plain[2], plain[1], plain[3]]);
  });

  it('hears nobody with another key, and nothing that was changed on its way', () => {
    const key = newKey();
    const sealed = protect(new SrtpContext(key), packet(1));
    expect(new SrtpContext(newKey()).unprotect(sealed)).toBeUndefined();
    const changed = Buffer.from(sealed);
    changed[RTP_HEADER_BYTES] = (changed[RTP_HEADER_BYTES] ?? 0) ^ 1;
    expect(new SrtpContext(key).unprotect(changed)).toBeUndefined();
    expect(new SrtpContext(key).unprotect(packet(1))).toBeUndefined();
    expect(new SrtpContext(key).unprotect(Buffer.from('no RTP'))).toBeUndefined();
  });
});
