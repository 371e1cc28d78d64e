/**
 * Every error the gateway raises by itself. `docs/errors.md` lists the same codes with what to do about them;
 * a test holds the two against each other.
 */
export const ERROR_CODES = {
  GW_ERR_CONFIG: { http: 400, retryable: false },
  GW_ERR_DEADLINE: { http: 504, retryable: true },
  GW_ERR_LINK_LOST: { http: 503, retryable: true },
  GW_ERR_REDIS_AWAY: { http: 503, retryable: true },
  GW_ERR_MEDIA_COMMAND: { http: 502, retryable: true },
  GW_ERR_SIP_TARGET: { http: 500, retryable: false },
  GW_ERR_NOT_FOUND: { http: 404, retryable: false },
  GW_ERR_BAD_REQUEST: { http: 400, retryable: false },
  GW_ERR_UNAUTHORIZED: { http: 401, retryable: false },
  GW_ERR_FORBIDDEN: { http: 403, retryable: false },
  GW_ERR_METHOD_NOT_ALLOWED: { http: 405, retryable: false },
  GW_ERR_CONFLICT: { http: 409, retryable: false },
  GW_ERR_PAYLOAD_TOO_LARGE: { http: 413, retryable: false },
  GW_ERR_URI_TOO_LONG: { http: 414, retryable: false },
  GW_ERR_UNSUPPORTED_MEDIA_TYPE: { http: 415, retryable: false },
  GW_ERR_HEADERS_TOO_LARGE: { http: 431, retryable: false },
  GW_ERR_TOO_MANY_REQUESTS: { http: 429, retryable: true },
  GW_ERR_REQUEST_TIMEOUT: { http: 408, retryable: true },
  GW_ERR_EVENTS_GONE: { http: 410, retryable: false },
  GW_ERR_CURSOR_UNKNOWN: { http: 409, retryable: false },
  GW_ERR_TOO_MANY_LISTENERS: { http: 429, retryable: true },
  GW_ERR_NOT_READY: { http: 503, retryable: true },
  GW_ERR_CALL_ARCHIVED: { http: 410, retryable: false },
  GW_ERR_CALLER_ERASED: { http: 409, retryable: false },
  GW_ERR_NO_RECORDING: { http: 404, retryable: false },
  GW_ERR_RECORDING_DELETED: { http: 410, retryable: false },
  GW_ERR_RECORDING_AWAY: { http: 503, retryable: true },
  GW_ERR_RANGE: { http: 416, retryable: false },
  GW_ERR_LEGAL_HOLD: { http: 409, retryable: false },
  GW_ERR_LINK_INVALID: { http: 403, retryable: false },
  GW_ERR_LINK_ENDED: { http: 410, retryable: false },
  GW_ERR_INTERNAL: { http: 500, retryable: false },
} as const satisfies Record<string, { http: number; retryable: boolean }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Refusals that a person meets who did nothing odd. */
export type RefusalReason =
  | 'tag'
  | 'note'
  | 'tags'
  | 'notes'
  | 'changes'
  | 'reason'
  | 'visit'
  | 'visit_gone'
  | 'code'
  | 'code_unknown'
  | 'order'
  | 'talk_order'
  | 'moment'
  | 'not_talking'
  | 'other_state'
  | 'call_over'
  | 'never_recorded'
  | 'disk_low'
  | 'other_gateway'
  | 'list_anew'
  | 'not_waiting'
  | 'taken';

/** Which refusal it is, for who tells it in another language; the message is the same for programs. */
export interface Refusal {
  reason: RefusalReason;
  values?: Readonly<Record<string, string | number>>;
}

export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly refusal: Refusal | null;

  constructor(
    readonly code: ErrorCode,
    message: string,
    { refusal = null, ...options }: ErrorOptions & { refusal?: Refusal | null } = {},
  ) {
    super(message, options);
    this.refusal = refusal;
  }

  get httpStatus(): number {
    return ERROR_CODES[this.code].http;
  }

  /** Whether the same request may succeed later without being changed. */
  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}

/** Nor for who may not see it: he learns nothing of what others have. */
export const noSuchCall = (): GatewayError => new GatewayError('GW_ERR_NOT_FOUND', 'there is no call with this id');
