/** Hangup causes: Q.850 with FreeSWITCH's own numbers above 127, and how mod_sofia translates to SIP and back. */

const CODES = {
  NONE: 0,
  UNALLOCATED_NUMBER: 1,
  NO_ROUTE_TRANSIT_NET: 2,
  NO_ROUTE_DESTINATION: 3,
  NORMAL_CLEARING: 16,
  USER_BUSY: 17,
  NO_USER_RESPONSE: 18,
  NO_ANSWER: 19,
  SUBSCRIBER_ABSENT: 20,
  CALL_REJECTED: 21,
  NUMBER_CHANGED: 22,
  REDIRECTION_TO_NEW_DESTINATION: 23,
  EXCHANGE_ROUTING_ERROR: 25,
  DESTINATION_OUT_OF_ORDER: 27,
  INVALID_NUMBER_FORMAT: 28,
  FACILITY_REJECTED: 29,
  NORMAL_UNSPECIFIED: 31,
  NORMAL_CIRCUIT_CONGESTION: 34,
  NETWORK_OUT_OF_ORDER: 38,
  NORMAL_TEMPORARY_FAILURE: 41,
  SWITCH_CONGESTION: 42,
  REQUESTED_CHAN_UNAVAIL: 44,
  OUTGOING_CALL_BARRED: 52,
  INCOMING_CALL_BARRED: 54,
  BEARERCAPABILITY_NOTAUTH: 57,
  BEARERCAPABILITY_NOTAVAIL: 58,
  SERVICE_UNAVAILABLE: 63,
  BEARERCAPABILITY_NOTIMPL: 65,
  SERVICE_NOT_IMPLEMENTED: 79,
  INCOMPATIBLE_DESTINATION: 88,
  MANDATORY_IE_MISSING: 96,
  RECOVERY_ON_TIMER_EXPIRE: 102,
  INTERWORKING: 127,
  ORIGINATOR_CANCEL: 487,
  MANAGER_REQUEST: 503,
  ALLOTTED_TIMEOUT: 602,
  MEDIA_TIMEOUT: 804,
  UNWANTED: 819,
} as const;

export type HangupCause = keyof typeof CODES;

const NAMES = new Map<number, HangupCause>(
  Object.entries(CODES).map(([name, code]) => [code, name as HangupCause] as const),
);

/** What a leg that is not answered yet is refused with when its channel is hung up for this cause. */
const SIP_STATUS: Partial<Record<HangupCause, number>> = {
  UNALLOCATED_NUMBER: 404,
  NO_ROUTE_TRANSIT_NET: 404,
  NO_ROUTE_DESTINATION: 404,
  USER_BUSY: 486,
  NO_USER_RESPONSE: 408,
  NO_ANSWER: 480,
  SUBSCRIBER_ABSENT: 480,
  CALL_REJECTED: 603,
  NUMBER_CHANGED: 410,
  REDIRECTION_TO_NEW_DESTINATION: 410,
  EXCHANGE_ROUTING_ERROR: 483,
  DESTINATION_OUT_OF_ORDER: 502,
  INVALID_NUMBER_FORMAT: 484,
  FACILITY_REJECTED: 501,
  NORMAL_UNSPECIFIED: 480,
  NORMAL_CIRCUIT_CONGESTION: 503,
  NETWORK_OUT_OF_ORDER: 503,
  NORMAL_TEMPORARY_FAILURE: 503,
  SWITCH_CONGESTION: 503,
  REQUESTED_CHAN_UNAVAIL: 503,
  OUTGOING_CALL_BARRED: 403,
  INCOMING_CALL_BARRED: 403,
  BEARERCAPABILITY_NOTAUTH: 403,
  BEARERCAPABILITY_NOTAVAIL: 503,
  BEARERCAPABILITY_NOTIMPL: 488,
  SERVICE_NOT_IMPLEMENTED: 501,
  INCOMPATIBLE_DESTINATION: 488,
  RECOVERY_ON_TIMER_EXPIRE: 504,
  ORIGINATOR_CANCEL: 487,
  UNWANTED: 607,
};

const CAUSE_OF_STATUS: Readonly<Record<number, HangupCause>> = {
  400: 'NORMAL_TEMPORARY_FAILURE',
  401: 'CALL_REJECTED',
  402: 'CALL_REJECTED',
  403: 'CALL_REJECTED',
  404: 'UNALLOCATED_NUMBER',
  405: 'SERVICE_UNAVAILABLE',
  406: 'SERVICE_NOT_IMPLEMENTED',
  407: 'CALL_REJECTED',
  408: 'RECOVERY_ON_TIMER_EXPIRE',
  410: 'NUMBER_CHANGED',
  413: 'INTERWORKING',
  414: 'INTERWORKING',
  415: 'SERVICE_NOT_IMPLEMENTED',
  420: 'INTERWORKING',
  480: 'NO_USER_RESPONSE',
  481: 'NORMAL_TEMPORARY_FAILURE',
  482: 'EXCHANGE_ROUTING_ERROR',
  483: 'EXCHANGE_ROUTING_ERROR',
  484: 'INVALID_NUMBER_FORMAT',
  485: 'NO_ROUTE_DESTINATION',
  486: 'USER_BUSY',
  487: 'ORIGINATOR_CANCEL',
  488: 'INCOMPATIBLE_DESTINATION',
  500: 'NORMAL_TEMPORARY_FAILURE',
  501: 'SERVICE_NOT_IMPLEMENTED',
  502: 'NETWORK_OUT_OF_ORDER',
  503: 'NORMAL_TEMPORARY_FAILURE',
  504: 'RECOVERY_ON_TIMER_EXPIRE',
  600: 'USER_BUSY',
  603: 'CALL_REJECTED',
  604: 'NO_ROUTE_DESTINATION',
  606: 'INCOMPATIBLE_DESTINATION',
  607: 'UNWANTED',
  608: 'CALL_REJECTED',
};

/** By name or number, without regard to case; undefined when it is neither. */
export function parseCause(text: string): HangupCause | undefined {
  const name = text.trim().toUpperCase();
  if (Object.hasOwn(CODES, name)) return name as HangupCause;
  return /^\d+$/.test(name) ? NAMES.get(Number(name)) : undefined;
}

export const sipStatusOf = (cause: HangupCause): number => SIP_STATUS[cause] ?? 480;

/** The cause of a refusal or a BYE: the peer's own Q.850 Reason goes before its status. */
export function causeOf(status: number | undefined, reason: string | undefined): HangupCause {
  const q850 = /^\s*Q\.850\s*;.*?cause\s*=\s*(\d+)/i.exec(reason ?? '')?.[1];
  if (q850 !== undefined) return NAMES.get(Number(q850)) ?? 'NORMAL_UNSPECIFIED';
  if (status === undefined) return 'NORMAL_CLEARING';
  if (status < 400) return 'REQUESTED_CHAN_UNAVAIL';
  return CAUSE_OF_STATUS[status] ?? 'NORMAL_UNSPECIFIED';
}

/** The Reason header of a BYE, CANCEL or refusal of ours. */
export function reasonHeader(cause: HangupCause): string {
  const code = CODES[cause];
  return code > 0 && code < 128 ? `Q.850;cause=${code};text="${cause}"` : `SIP;cause=${code};text="${cause}"`;
}

/** `variable_hangup_cause_q850`: FreeSWITCH's own causes count as normal clearing. */
export const q850Of = (cause: HangupCause): number => (CODES[cause] < 128 ? CODES[cause] : 16);
