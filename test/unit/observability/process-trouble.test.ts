import { expect, it, onTestFinished } from 'vitest';
import { createLogger } from '../../../src/observability/logger.js';
import { outliveTrouble } from '../../../src/observability/process-trouble.js';

it('goes on where a library leaves a rejection to nobody, and says so', () => {
  const before = process.listeners('unhandledRejection');
  const warnings = process.listeners('warning');
  const lines: string[] = [];
  outliveTrouble(
    createLogger({ level: 'info', gateway: 'gw-1', destination: { write: (line) => void lines.push(line) } }),
  );
  const [added] = process.listeners('unhandledRejection').filter((listener) => !before.includes(listener));
  onTestFinished(() => {
    for (const listener of process.listeners('warning'))
      if (!warnings.includes(listener)) process.off('warning', listener);
    if (added) process.off('unhandledRejection', added);
  });
  added?.(new Error('no such dialog'), Promise.resolve());
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { level: 'error', err: { message: 'no such dialog' }, msg: 'a rejection that nobody handled' },
  ]);
});
