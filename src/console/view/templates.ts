import { fileURLToPath } from 'node:url';
import { Eta } from 'eta';

/** Pages are compiled once; what stands in `<%= %>` is escaped. */
export const templates = new Eta({ views: fileURLToPath(new URL('../views', import.meta.url)), cache: true });
