/** What every gateway has found of a line that comes and goes; `unsure`: some may not yet have. `deaf`: it does not answer OPTIONS. */
export type LineState = 'up' | 'deaf' | 'gone' | 'unsure';

/** A call that was placed is dialled within so long. */
export const DIALLED_MS = 3_000;
