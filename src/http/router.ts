import { Router } from 'express';

/** A router whose paths are exactly what is written: `/V1/Calls` and `/v1/calls/` are no pages of ours. */
export const exactRouter = (): Router => Router({ strict: true, caseSensitive: true });
