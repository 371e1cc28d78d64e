/** Ctrl-C, or who ends us: what was started is closed first. Gives how to leave that to others. */
export function closeOnInterrupt(close: () => Promise<unknown>): () => void {
  const interrupted = (): void => {
    close()
      .finally(() => process.exit(130))
      .catch(() => undefined);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupted);
  return () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupted);
  };
}
