/** The tag of a From or To (RFC 3261 19.3); '' where there is none. */
export const tagOf = (header: string | undefined): string => /;\s*tag=([^\s;>]+)/i.exec(header ?? '')?.[1] ?? '';
