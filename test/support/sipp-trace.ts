/** One SIP message as SIPp saw it. */
export interface TracedMessage {
  direction: 'sent' | 'received';
  /** `INVITE` or `200`. */
  kind: string;
  /** Method of the CSeq header: which request a response belongs to. */
  method: string;
  callId: string;
  /** Seconds, on a clock of SIPp's machine. */
  at: number;
  text: string;
}

export class SipTrace {
  constructor(readonly messages: TracedMessage[]) {}

  /** Statuses received for `method`, in order, without what SIPp repeated or what repeats 100. */
  received(method: string): number[] {
    const statuses = this.messages
      .filter((message) => message.direction === 'received' && message.method === method && /^\d/.test(message.kind))
      .map((message) => Number(message.kind));
    return statuses.filter((status, at) => status !== 100 && status !== statuses[at - 1]);
  }

  /** The first message of `kind` that went in `direction`. */
  find(direction: TracedMessage['direction'], kind: string): TracedMessage | undefined {
    return this.messages.find((message) => message.direction === direction && message.kind === kind);
  }
}

/** Value of a header, by its full name. */
export function headerOf(message: TracedMessage, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(message.text)?.[1]?.trim();
}

/** Reads what `-trace_msg` writes. */
export function parseTrace(log: string): SipTrace {
  const parts = log.split(/^-{40,} (?=\d{4}-)/m).slice(1);
  return new SipTrace(
    parts.flatMap((part) => {
      const [, day, time] = /^(\d{4}-\d\d-\d\d)\s+(\d\d:\d\d:\d\d\.\d+)/.exec(part) ?? [];
      const [, direction] = /message (sent|received)/.exec(part) ?? [];
      const text = part.replace(/^.*\n\r?\n/, '');
      if (direction !== 'sent' && direction !== 'received') return [];
      const [, method = '', status] = /^(?:([A-Z]+) sip|SIP\/2\.0 (\d{3}))/m.exec(text) ?? [];
      const [, ofRequest = method] = /^CSeq:\s*\d+\s+([A-Z]+)/im.exec(text) ?? [];
      const [, callId = ''] = /^Call-ID:\s*(\S+)/im.exec(text) ?? [];
      return [
        {
          direction,
          kind: status ?? method,
          method: ofRequest,
          callId,
          at: Date.parse(`${day ?? ''}T${time ?? ''}Z`) / 1000,
          text,
        },
      ];
    }),
  );
}
