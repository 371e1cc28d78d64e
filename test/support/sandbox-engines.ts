import type { Engines, EngineOptions } from './engines.js';

export function startSandboxEngines(_options: EngineOptions): Promise<Engines> {
  return Promise.reject(new Error('not built yet'));
}
