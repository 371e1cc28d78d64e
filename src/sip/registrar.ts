import type { Logger } from 'pino';
import type Srf from 'drachtio-srf';
import type { RegisterAnswer } from '../lines/registrar.js';
import type { RegisterRequest } from '../lines/registration.js';
import { toError } from '../lib/deadline.js';

/** Answers one REGISTER over srf's request and response, whatever happens. */
export async function serveRegister(
  request: Srf.SrfRequest,
  response: Srf.SrfResponse,
  answer: (request: RegisterRequest) => Promise<RegisterAnswer>,
  logger: Logger,
): Promise<void> {
  try {
    const { status, reason, headers } = await answer(readRegister(request));
    if (reason === undefined) response.send(status, { headers: onWire(headers) });
    else response.send(status, reason, { headers: onWire(headers) });
  } catch (error) {
    logger.error({ err: toError(error), sipCallId: request.get('Call-ID') }, 'could not answer a REGISTER');
    if (!response.finalResponseSent) response.send(500);
  }
}

function readRegister(request: Srf.SrfRequest): RegisterRequest {
  return {
    source: { address: request.source_address, port: request.source_port, protocol: request.protocol },
    callId: request.get('Call-ID') ?? '',
    cseq: Number.parseInt(request.get('CSeq') ?? '', 10) || 0,
    from: request.get('From'),
    contact: request.get('Contact'),
    expires: request.get('Expires'),
    path: request.get('Path'),
    require: request.get('Require'),
    userAgent: request.get('User-Agent'),
    authorization: request.get('Authorization'),
  };
}

/**
 * srf knows one value for a name and would join several by commas, which RFC 3261 7.3.1 forbids for challenges. What it
 * sends to drachtio is text, so the second value brings its own header line.
 */
function onWire(headers: RegisterAnswer['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      [value]
        .flat()
        .map((one) => one.replace(/\s*[\r\n]+\s*/g, ' '))
        .join(`\r\n${name}: `),
    ]),
  );
}
