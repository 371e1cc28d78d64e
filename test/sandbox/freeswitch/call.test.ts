import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ChannelMedia } from '../../../src/sandbox/freeswitch/media.js';
import { readSdp } from '../../../src/sandbox/freeswitch/sdp.js';
import { dominantTone, rms } from '../../../src/sandbox/rtp/tone.js';
import { readWav, type WavAudio } from '../../../src/sandbox/rtp/wav-reader.js';
import { plainSdp } from '../../support/raw-sip.js';
import { until } from '../../support/until.js';
import { HOST, openStage, type Stage } from './support.js';

const CALLER_HZ = 440;
const BUSINESS_HZ = 1000;
const BOTH = [CALLER_HZ, BUSINESS_HZ];

/** Which tone fills the last half second of each channel. */
const tail = (wav: WavAudio): (number | undefined)[] =>
  wav.channels.map((channel) => dominantTone(channel.subarray(-4000, -400), BOTH));

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(async () => {
  await stage.close();
});

const recording = (id: string): Promise<WavAudio> => readWav(join(stage.spoolDir, `${id}.wav`));
const heard = (call: { media: { heardSamples: number } }, samples: number): Promise<boolean> =>
  until('sound', () => call.media.heardSamples >= samples);

describe('a call through the media server', () => {
  it('joins both sides, tells its story and records it in stereo', async () => {
    stage.business.answers = { toneHz: BUSINESS_HZ };
    const call = await stage.call({
      toneHz: CALLER_HZ,
      displayName: 'Иван',
      headers: { 'X-CT-Record': 'yes', 'X-Leak': 'x' },
    });
    await call.answered();
    const other = await stage.business.nextCall();
    await Promise.all([heard(call, 12_000), heard(other, 12_000)]);
    await until('the business', () => dominantTone(call.media.heard(-4000), BOTH) === BUSINESS_HZ);
    await until('the caller', () => dominantTone(other.media.heard(-4000), BOTH) === CALLER_HZ);
    await call.hangUp();
    const end = await other.ended();
    const stop = await stage.esl.event('RECORD_STOP');
    const done = await stage.esl.event('CHANNEL_HANGUP_COMPLETE', { variable_calltrack_leg: 'caller' });

    expect(end.reason).toBe('Q.850;cause=16;text="NORMAL_CLEARING"');
    expect(other.invite.headers.get('X-CT-Call-Id')).toBe(call.id);
    expect(other.invite.headers.get('X-CT-Call-Key')).toBe(call.invite.headers.get('X-CT-Call-Key'));
    expect([...other.invite.headers].filter(({ name }) => name.startsWith('X-')).length).toBe(2);
    expect(other.invite.from).toMatchObject({ displayName: 'Иван', uri: `sip:+79161234567@${HOST}` });

    const wav = await recording(call.id);
    expect(tail(wav)).toEqual(BOTH);
    expect(stop).toMatchObject({
      'Record-File-Path': join(stage.spoolDir, `${call.id}.wav`),
      'Record-Completion-Cause': 'success-silence',
      variable_record_samples: String(wav.frames),
      variable_calltrack_call_id: call.id,
    });
    expect(done).toMatchObject({ 'Hangup-Cause': 'NORMAL_CLEARING', variable_record_ms: String(wav.frames / 8) });
    expect(
      stage.esl.story(call.id, [
        'CHANNEL_PROGRESS',
        'CHANNEL_ANSWER',
        'RECORD_START',
        'CHANNEL_BRIDGE',
        'CHANNEL_UNBRIDGE',
        'RECORD_STOP',
        'CHANNEL_HANGUP_COMPLETE',
      ]),
    ).toEqual([
      'b CHANNEL_PROGRESS',
      'a CHANNEL_PROGRESS',
      'b CHANNEL_ANSWER',
      'a CHANNEL_ANSWER',
      'a RECORD_START',
      'a CHANNEL_BRIDGE',
      'a CHANNEL_UNBRIDGE',
      'b CHANNEL_HANGUP_COMPLETE',
      'a RECORD_STOP',
      'a CHANNEL_HANGUP_COMPLETE',
    ]);
    const bridge = await stage.esl.event('CHANNEL_BRIDGE');
    expect(bridge['Bridge-A-Unique-ID']).toBe(bridge['Unique-ID']);
    expect(bridge['Bridge-B-Unique-ID']).toBe(bridge['Other-Leg-Unique-ID']);
    expect(bridge['Channel-Call-UUID']).toBe(bridge['Unique-ID']);
    expect(bridge.variable_sip_call_id).toBe(call.callId);
    await until('no leg left', () => stage.fs.sessionCount === 0);
  });

  it('lasts in the recording as long as it lasted, whatever was not sent', async () => {
    const call = await stage.call({ headers: { 'X-CT-Record': 'yes' } });
    await call.answered();
    const bridge = await stage.esl.event('CHANNEL_BRIDGE');
    await until('some time', () => Date.now() * 1000 - Number(bridge['Event-Date-Timestamp']) > 1_500_000);
    await call.hangUp();
    const hangup = await stage.esl.event('CHANNEL_HANGUP', { variable_calltrack_leg: 'caller' });
    await stage.esl.event('RECORD_STOP');
    const lastedMs = (Number(hangup['Event-Date-Timestamp']) - Number(bridge['Event-Date-Timestamp'])) / 1000;
    const wav = await recording(call.id);
    expect(Math.abs(wav.frames / 8 - lastedMs)).toBeLessThan(60);
    expect(rms(wav.channels[0] ?? new Int16Array(0))).toBeLessThan(10);
  });

  it('is not recorded unless that is asked for', async () => {
    const call = await stage.call();
    await call.answered();
    await call.hangUp();
    await until('no leg left', () => stage.fs.sessionCount === 0);
    expect(await readdir(stage.spoolDir)).toEqual([]);
  });

  it('translates between the laws when the sides have no codec in common', async () => {
    await stage.close();
    stage = await openStage();
    stage.business.answers = { toneHz: BUSINESS_HZ };
    const sdp = (port: number): string =>
      `v=0\r\no=- 1 1 IN IP4 ${HOST}\r\ns=-\r\nc=IN IP4 ${HOST}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n`;
    const call = await stage.call({ sdp: sdp(40_000), media: false });
    const ok = await call.answered();
    expect(ok?.body).toContain('RTP/AVP 0 101');
    const other = await stage.business.nextCall();
    expect(other.invite.body).toContain('RTP/AVP 8 0 101');
    expect(other.localSdp).toContain('RTP/AVP 8 101');
  });

  it('passes early media on before the answer, and records from the answer only', async () => {
    stage.business.answers = { ring: { status: 183, earlyToneHz: 700 }, answerAfterMs: 'never', toneHz: BUSINESS_HZ };
    const call = await stage.call({ toneHz: CALLER_HZ, headers: { 'X-CT-Record': 'yes' } });
    expect((await call.ringing())?.status).toBe(183);
    await until('early tone', () => dominantTone(call.media.heard(-1600), [700]) === 700);
    const other = await stage.business.nextCall();
    other.pickUp();
    await call.answered();
    const before = other.media.heardSamples;
    await heard(other, before + 6400);
    await call.hangUp();
    await stage.esl.event('RECORD_STOP');
    const wav = await recording(call.id);
    expect(tail(wav)).toEqual(BOTH);
    expect(dominantTone((wav.channels[1] ?? new Int16Array(0)).subarray(1600, 4000), [700])).toBeUndefined();
  });

  it('carries keys from side to side and tells of them', async () => {
    const call = await stage.call();
    await call.answered();
    const other = await stage.business.nextCall();
    await stage.esl.event('CHANNEL_BRIDGE');
    await call.press('42#');
    await until('the keys', () => other.digits === '42#');
    expect(await stage.esl.event('DTMF', { 'DTMF-Digit': '#' })).toMatchObject({ 'DTMF-Source': 'RTP' });
  });
});

describe('a late offer', () => {
  it('is answered with our offer only when the business has answered', async () => {
    stage.business.answers = { answerAfterMs: 300, toneHz: BUSINESS_HZ };
    const call = await stage.call({
      lateOffer: true,
      toneHz: CALLER_HZ,
      headers: { 'X-CT-Record': 'yes', 'X-CT-Late-Offer': 'yes' },
    });
    const other = await stage.business.nextCall();
    expect(other.invite.body).not.toContain('inactive');
    await other.acknowledged();
    await call.answered();
    expect(call.provisionals.filter(({ status }) => status > 100)).toEqual([]);
    await Promise.all([heard(call, 8000), heard(other, 8000)]);
    await call.hangUp();
    await stage.esl.event('RECORD_STOP');
    expect(tail(await recording(call.id))).toEqual(BOTH);
  });

  it('ends when the ACK brings no answer', async () => {
    const call = await stage.call({ lateOffer: true, sdp: '' });
    expect((await call.ended()).reason).toBe('SIP;cause=488;text="No answer to offer"');
    expect((await (await stage.business.nextCall()).ended()).how).toBe('bye');
  });
});

describe('a refusal', () => {
  it.each([
    [486, undefined, 'Q.850;cause=17;text="USER_BUSY"'],
    [603, undefined, 'Q.850;cause=21;text="CALL_REJECTED"'],
    [404, undefined, 'Q.850;cause=1;text="UNALLOCATED_NUMBER"'],
    [480, undefined, 'Q.850;cause=18;text="NO_USER_RESPONSE"'],
    [480, 'Q.850;cause=19', 'Q.850;cause=19;text="NO_ANSWER"'],
    [503, 'Q.850;cause=34;text="x"', 'Q.850;cause=34;text="NORMAL_CIRCUIT_CONGESTION"'],
    [302, undefined, 'Q.850;cause=44;text="REQUESTED_CHAN_UNAVAIL"'],
  ])('of the business with %i (%s) reaches the caller as it is', async (status, reason, expected) => {
    stage.business.answers = { ring: false, refuse: { status, headers: { Reason: reason } } };
    const call = await stage.call();
    expect(await call.ended()).toMatchObject({ how: 'refused', status, reason: expected });
    const done = await stage.esl.event('CHANNEL_HANGUP_COMPLETE', { variable_calltrack_leg: 'caller' });
    expect(done['Hangup-Cause']).toBe(/text="(.*)"/.exec(expected)?.[1]);
  });

  it('goes to a caller with whom we have no codec in common', async () => {
    const sdp = `v=0\r\no=- 1 1 IN IP4 ${HOST}\r\ns=-\r\nc=IN IP4 ${HOST}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 18\r\n`;
    const call = await stage.call({ sdp, media: false });
    expect(await call.ended()).toMatchObject({ status: 488, reason: 'Q.850;cause=88;text="INCOMPATIBLE_DESTINATION"' });
    expect((await (await stage.business.nextCall()).ended()).how).toBe('bye');
  });

  it('goes to whoever has no call key', async () => {
    const call = await stage.call({ headers: { 'X-CT-Call-Key': 'guess' } });
    expect((await call.ended()).status).toBe(603);
  });

  it('goes to strangers, and to everybody when there is no room', async () => {
    await stage.close();
    stage = await openStage({ drachtioSource: ['192.0.2.1'] });
    expect((await (await stage.call()).ended()).status).toBe(403);
    await stage.close();
    stage = await openStage({ maxSessions: 2 });
    const first = await stage.call();
    await first.answered();
    const second = await stage.call();
    expect(await second.ended()).toMatchObject({ status: 503 });
    expect(second.final?.headers.get('Retry-After')).toBe('300');
  });
});

describe('the end of a call', () => {
  it('by the business goes to the caller with its Reason', async () => {
    const call = await stage.call();
    const other = await stage.business.nextCall();
    await call.answered();
    await stage.esl.event('CHANNEL_BRIDGE');
    other.dialog?.request('BYE', { headers: { Reason: 'Q.850;cause=31;text="xx"' } });
    expect((await call.ended()).reason).toBe('Q.850;cause=31;text="xx"');
    const done = await stage.esl.event('CHANNEL_HANGUP_COMPLETE', { variable_calltrack_leg: 'caller' });
    expect(done['Hangup-Cause']).toBe('NORMAL_UNSPECIFIED');
  });

  it('by a caller who gives up cancels the business', async () => {
    stage.business.answers = { answerAfterMs: 'never' };
    const call = await stage.call();
    const other = await stage.business.nextCall();
    await call.ringing();
    call.cancel();
    expect((await call.ended()).how).toBe('cancel');
    expect((await other.ended()).reason).toBe('SIP;cause=487;text="ORIGINATOR_CANCEL"');
  });

  it('comes to a caller who went silent after the answer, however long it rang before', async () => {
    await stage.close();
    stage = await openStage({ mediaTimeoutMs: 400 });
    stage.business.answers = { ring: { status: 183, earlyToneHz: 700 }, answerAfterMs: 900 };
    const call = await stage.call({ media: false });
    await call.answered();
    expect((await call.ended()).reason).toBe('SIP;cause=804;text="MEDIA_TIMEOUT"');
    expect((await (await stage.business.nextCall()).ended()).reason).toBe('Q.850;cause=16;text="NORMAL_CLEARING"');
  });

  it('comes to nobody because the clock is set on in a talk', async () => {
    const media = new ChannelMedia(HOST, undefined);
    onTestFinished(() => media.close());
    await media.open();
    media.configure(readSdp(plainSdp(HOST), 'forbidden') ?? expect.fail(), false, '');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect(media.silentForMs).toBeLessThan(3_600_000);
  });

  it('comes at the longest duration that the gateway named', async () => {
    const call = await stage.call({ headers: { 'X-CT-Max-Seconds': '1' } });
    expect((await call.ended()).reason).toBe('SIP;cause=602;text="ALLOTTED_TIMEOUT"');
  });

  it('comes to who has rung for as long as the gateway named', async () => {
    stage.business.answers = { answerAfterMs: 'never' };
    const call = await stage.call({ headers: { 'X-CT-Ring-Seconds': '1' } });
    expect(await call.ended()).toMatchObject({ status: 480, reason: 'Q.850;cause=19;text="NO_ANSWER"' });
  });

  it('comes to all calls when the server closes, recordings complete', async () => {
    const call = await stage.call({ headers: { 'X-CT-Record': 'yes' }, toneHz: CALLER_HZ });
    await stage.esl.event('CHANNEL_BRIDGE');
    await heard(call, call.media.heardSamples + 8000);
    await stage.fs.close();
    expect((await recording(call.id)).frames).toBeGreaterThan(4000);
  });
});

describe('hold', () => {
  it('in silence lasts as long as the timeout that was set for it', async () => {
    await stage.close();
    stage = await openStage({ mediaTimeoutMs: 1500 });
    const sdp = (direction: string): string =>
      `v=0\r\no=- 1 1 IN IP4 ${HOST}\r\ns=-\r\nc=IN IP4 ${HOST}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=${direction}\r\n`;
    const call = await stage.call({ sdp: sdp('sendrecv'), media: false });
    await call.answered();
    const { 'Unique-ID': uuid = '' } = await stage.esl.event('CHANNEL_BRIDGE');
    await stage.esl.api(`expand uuid_setvar ${uuid} media_timeout_audio \${calltrack_media_hold_timeout}`);
    await call.request('INVITE', { body: sdp('inactive') });
    const heldAt = Date.now();
    await until('longer than the timeout', () => Date.now() - heldAt > 2000);
    expect(call.isEnded).toBe(false);
    await stage.esl.api(`uuid_setvar ${uuid} media_timeout_audio`);
    await call.request('INVITE', { body: sdp('sendrecv') });
    expect((await call.ended()).reason).toBe('SIP;cause=804;text="MEDIA_TIMEOUT"');
  });

  it('of either side is answered, and its end brings the sound back', async () => {
    stage.business.answers = { toneHz: BUSINESS_HZ };
    const call = await stage.call({ toneHz: CALLER_HZ, headers: { 'X-CT-Record': 'yes' } });
    await call.answered();
    const other = await stage.business.nextCall();
    await stage.esl.event('CHANNEL_BRIDGE');
    await call.hold();
    expect(call.remoteSdp).toMatch(/a=(recvonly|inactive)/);
    await call.resume();
    await other.hold();
    await other.resume();
    await until('the caller again', () => dominantTone(other.media.heard(-1600), BOTH) === CALLER_HZ);
    await until('the business again', () => dominantTone(call.media.heard(-1600), BOTH) === BUSINESS_HZ);
  });
});
