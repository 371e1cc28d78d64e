import type { CallRegistry } from '../call/registry.js';
import type { CallReader, RecordingControl } from '../http/ports.js';
import { inBackground } from '../lib/background.js';
import { withDeadline } from '../lib/deadline.js';
import { GatewayError, noSuchCall } from '../lib/errors.js';
import type { AuditLog } from '../recordings/audit.js';

const WRITE_TIMEOUT_MS = 500;

/** Recordings of the calls that this gateway has; of others it says who has them. */
export function recordingControl(
  registry: CallRegistry,
  calls: Pick<CallReader, 'get'>,
  audit: Pick<AuditLog, 'write'>,
  ownId: () => string,
): RecordingControl {
  return {
    act: async (callId, action, { maySee, who, from }) => {
      const session = registry.find(callId);
      const call = session?.call ?? (await calls.get(callId));
      if (!call || !maySee(call.site)) throw noSuchCall();
      if (session) {
        await session.recording.act(action);
        const { site } = call;
        const at = new Date().toISOString();
        // Done already, and for the talk's sake: a log that cannot be written does not undo it.
        inBackground(
          audit.write({ at, action: 'recording.control', who, from, call: callId, site, detail: { action } }),
        );
        // Whoever asks next reads the call from Redis. It is done whether Redis has it or not.
        await withDeadline(session.written(), WRITE_TIMEOUT_MS, 'writing a recording down').catch(() => undefined);
        return call.recording;
      }
      const elsewhere = call.endedAt === null && call.gateway !== ownId();
      if (!elsewhere)
        throw new GatewayError('GW_ERR_CONFLICT', 'the call has ended', { refusal: { reason: 'call_over' } });
      throw new GatewayError('GW_ERR_CONFLICT', `gateway "${call.gateway}" has this call: ask there`, {
        refusal: { reason: 'other_gateway', values: { gateway: call.gateway } },
      });
    },
  };
}
