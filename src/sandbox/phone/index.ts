export { CallEndedError } from './call.js';
export type { CallEnd, CallTimings, PhoneCall } from './call.js';
export type { AnswerScript, IncomingCall } from './incoming-call.js';
export type { CallOptions, OutgoingCall } from './outgoing-call.js';
export { Phone } from './phone.js';
export type { PhoneOptions } from './phone.js';
export type { RegisterOptions } from './registration.js';
