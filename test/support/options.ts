import { RawSip } from './raw-sip.js';
import type { Stage } from './stage.js';

/** Final status of an OPTIONS that a carrier of this stage sends to the gateway. */
export async function optionsStatus(stage: Stage): Promise<string> {
  const carrier = await RawSip.open(stage.addresses.carrier());
  try {
    const callId = `options-${carrier.address}`;
    const parts = { called: 'ping', caller: 'carrier', callId, branch: callId };
    carrier.send(carrier.request('OPTIONS', stage.sip, parts), stage.sip);
    return (await carrier.received(/^SIP\/2\.0 [2-6]/)).slice(8, 11);
  } finally {
    carrier.close();
  }
}
