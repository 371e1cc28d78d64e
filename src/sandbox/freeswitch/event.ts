/** FreeSWITCH events as mod_event_socket writes them. */

const NEEDS_ESCAPE = /%(?![0-9A-Fa-f]{2})|[^\x21-\x7e]|["#&+:;<=>?@[\\\]^`{|}]/gu;

/** FreeSWITCH's URL encoding of header values: an existing %XX stays as it is, `,` and `/` are not touched. */
function escapeHeader(value: string): string {
  return value.replace(NEEDS_ESCAPE, (char) => {
    let escaped = '';
    for (const octet of Buffer.from(char, 'utf8')) escaped += `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
    return escaped;
  });
}

export class FsEvent {
  readonly headers = new Map<string, string>();
  body: string | undefined;

  constructor(readonly name: string) {
    this.headers.set('Event-Name', name);
  }

  /** Of a CUSTOM event. */
  get subclass(): string | undefined {
    return this.headers.get('Event-Subclass');
  }

  set(name: string, value: string | number | undefined): this {
    if (value !== undefined) this.headers.set(name, String(value));
    return this;
  }

  get(name: string): string | undefined {
    return this.headers.get(name);
  }

  /** `Name: value` lines, values escaped. */
  toHeaderText(): string {
    let text = '';
    for (const [name, value] of this.headers) text += `${name}: ${escapeHeader(value)}\n`;
    return text;
  }

  toPlain(): string {
    const body = this.body ?? '';
    if (body === '') return `${this.toHeaderText()}\n`;
    return `${this.toHeaderText()}Content-Length: ${Buffer.byteLength(body)}\n\n${body}`;
  }

  toJson(): string {
    const json: Record<string, string> = Object.fromEntries(this.headers);
    if (this.body !== undefined) {
      json['Content-Length'] = String(Buffer.byteLength(this.body));
      json._body = this.body;
    }
    return JSON.stringify(json);
  }

  /** The whole message for a connection that asked for `format`. */
  toMessage(format: 'json' | 'plain'): string {
    const text = format === 'json' ? this.toJson() : this.toPlain();
    return `Content-Length: ${Buffer.byteLength(text)}\nContent-Type: text/event-${format}\n\n${text}`;
  }
}
