export { DrachtioServer } from './server.js';
export type { DrachtioCounts, DrachtioOptions } from './server.js';
