import { callEditOperations } from './call-edits.js';
import { callbackOperations } from './callbacks.js';
import { callerOperations } from './callers.js';
import { callOperations } from './calls.js';
import { configOperations } from './config.js';
import { eventOperations } from './events.js';
import { healthOperations } from './health.js';
import { leaseOperations } from './leases.js';
import { numberOperations } from './numbers.js';
import type { Operation } from './operation.js';
import { pageOperations } from './page.js';
import { recordingOperations } from './recordings.js';
import { reportOperations } from './reports.js';
import { resourceOperations } from './resources.js';
import { screeningOperations } from './screening.js';
import { snippetOperations } from './snippet.js';
import { webhookOperations } from './webhooks.js';

/** Everything the HTTP interface answers to. A test names every route that is missing here. */
export const OPERATIONS: readonly Operation[] = [
  ...callOperations,
  ...callEditOperations,
  ...screeningOperations,
  ...callerOperations,
  ...callbackOperations,
  ...eventOperations,
  ...leaseOperations,
  ...numberOperations,
  ...snippetOperations,
  ...webhookOperations,
  ...recordingOperations,
  ...resourceOperations,
  ...reportOperations,
  ...configOperations,
  ...healthOperations,
  ...pageOperations,
];
