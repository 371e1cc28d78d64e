const MAX_VALUES = 500;

/**
 * Keeps labels few. Each value of a label is a time series for as long as Prometheus remembers; what comes in by SIP
 * or by an API must not be able to make them without end, and numbers and call ids must not become labels at all.
 */
export class LabelBound {
  private readonly seen = new Map<string, Set<string>>();

  constructor(private readonly maxValues = MAX_VALUES) {}

  /** The value itself, or `other` where it is no id of the configuration or one too many. */
  id(label: string, value: string): string {
    if (!/^[\w][\w.:@-]{0,99}$/.test(value) || isCallId(value)) return 'other';
    const values = this.seen.get(label) ?? new Set();
    this.seen.set(label, values);
    if (values.has(value)) return value;
    if (values.size >= this.maxValues) return 'other';
    values.add(value);
    return value;
  }
}

/** A UUID. Digits alone may be an id: who names his destinations by their numbers has each of them watched nevertheless. */
function isCallId(value: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-/i.test(value);
}
