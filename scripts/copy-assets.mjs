// The part of `npm run build` that tsc does not do.
import { copyAssets } from './lib/ensure.mjs';

copyAssets();
