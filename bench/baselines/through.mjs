// Baseline P: the same way of media as the gateway's, in the smallest program that can do it: the caller's INVITE goes
// on to FreeSWITCH, whose dialplan records and dials back to us for the business's leg. No look-ups, no events, no
// channels, no log; it subscribes to the same FreeSWITCH events and counts them. Settings: JSON in BASELINE.
import { randomUUID } from 'node:crypto';
import modesl from 'drachtio-modesl';
import Srf from 'drachtio-srf';

const { drachtio, freeswitch, media, callee } = JSON.parse(process.env.BASELINE);
const EVENTS = ['CHANNEL_BRIDGE', 'CHANNEL_HANGUP_COMPLETE', 'RECORD_START', 'RECORD_STOP'];

const srf = new Srf();
srf.on('error', (error) => console.error(error.message));
srf.connect(drachtio);
let events = 0;
const connection = new modesl.Connection(freeswitch.host, freeswitch.port, freeswitch.secret, () => {
  connection.socket.setNoDelay(true);
  connection.subscribe(EVENTS, () => undefined);
  for (const name of EVENTS) connection.on(`esl::event::${name}::**`, () => (events += 1));
});
srf.on('connect', (error) => {
  if (!error) setTimeout(() => console.log('READY'), 500);
});

const endTogether = (one, other) => {
  one.on('destroy', () => other.destroy().catch(() => undefined));
  other.on('destroy', () => one.destroy().catch(() => undefined));
};

srf.invite(async (request, response) => {
  const id = randomUUID();
  const dialBack = request.get('X-Leg') !== undefined;
  const target = dialBack ? `sip:callee@${callee}` : `sip:via-${id}@${media}`;
  const headers = dialBack ? {} : { 'X-Leg-Id': id };
  try {
    const { uas, uac } = await srf.createB2BUA(request, response, target, { localSdpB: request.body, headers });
    endTogether(uas, uac);
  } catch (error) {
    console.error(error.message);
  }
});

process.on('SIGTERM', () => {
  console.log(JSON.stringify({ events }));
  srf.disconnect();
  connection.disconnect();
  setTimeout(() => process.exit(), 100);
});
