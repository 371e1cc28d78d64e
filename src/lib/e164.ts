/**
 * A whole number in E.164 with its plus. The plan allows 15 digits; 5 is the least we take for one.
 * What a carrier writes may be anything: `trunks/number-reading.ts` makes this of it.
 */
export const E164 = /^\+[1-9]\d{4,14}$/;
