// What must be there before our own code can run. Everything here works with nothing installed but Node and npm.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, relative } from 'node:path';
import { findBinary, ROOT, run } from './run.mjs';

const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
if (!engines.node.split('||').some(fitsNode)) fail(`Node ${engines.node} is needed; this is ${process.version}.`);

/** Of npm's ranges those that package.json uses: `^20.19.0`, `>=24.0.0`. */
function fitsNode(range) {
  const [, sign, ...floor] = /(\^|>=)(\d+)\.(\d+)/.exec(range);
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [wantedMajor, wantedMinor] = floor.map(Number);
  return major === wantedMajor ? minor >= wantedMinor : sign === '>=' && major > wantedMajor;
}

/** Runs `npm ci` when a package of the lock file is missing or is there in another version. */
export async function ensureNodeModules() {
  if (modulesMatchLock()) return;
  console.log('Installing node modules (npm ci) ...');
  // Production settings of the shell must not leave out the compiler.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund'];
  const npm = process.env.npm_execpath;
  const { code } = npm === undefined ? await run('npm', args) : await run(process.execPath, [npm, ...args]);
  if (code !== 0) fail('npm ci failed: see above.');
}

/** By content and not by time: a fresh checkout makes every file new, which says nothing about its packages. */
function modulesMatchLock() {
  try {
    const read = (file) => JSON.parse(readFileSync(join(ROOT, file), 'utf8')).packages;
    const installed = read('node_modules/.package-lock.json');
    return Object.entries(read('package-lock.json')).every(([path, wanted]) => {
      if (path === '' || wanted.optional === true || wanted.devOptional === true || wanted.peer === true) return true;
      return installed[path]?.version === wanted.version && existsSync(join(ROOT, path));
    });
  } catch {
    return false;
  }
}

const DEBIAN_PACKAGES = { 'redis-server': 'redis-server', sipp: 'sip-tester', chromium: 'chromium' };

/** Installs the Debian packages whose `binaries` are missing, or says exactly what to install and exits with 1. */
export async function ensureDebian(...binaries) {
  const missing = binaries.filter((binary) => findBinary(binary) === undefined);
  if (missing.length === 0) return;
  const packages = missing.map((binary) => DEBIAN_PACKAGES[binary]);
  const wanted = `Missing: ${missing.join(', ')}. Install with: apt-get install ${packages.join(' ')}`;
  const asRoot = await rootPrefix();
  if (findBinary('apt-get') === undefined || asRoot === undefined) fail(wanted);
  console.log(`Installing from Debian: ${packages.join(' ')} ...`);
  const ownsRedis = missing.includes('redis-server');
  // A test needs the program, not a Redis that starts with the machine and takes port 6379.
  if (ownsRedis && systemdRuns()) await root(asRoot, ['systemctl', 'mask', '--runtime', 'redis-server.service']);
  let installed = await aptInstall(asRoot, packages);
  if (!installed) {
    await apt(asRoot, ['update']);
    installed = await aptInstall(asRoot, packages);
  }
  if (ownsRedis) await keepRedisDown(asRoot);
  if (!installed || missing.some((binary) => findBinary(binary) === undefined)) fail(wanted);
}

async function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  if (findBinary('sudo') === undefined) return undefined;
  const { code } = await run('sudo', ['-n', 'true'], { capture: true });
  return code === 0 ? ['sudo', '-n'] : undefined;
}

function root(prefix, command) {
  const [program, ...args] = [...prefix, ...command];
  return run(program, args, { capture: true });
}

// invoke-rc.d starts no service in runlevel 1; sudo would drop the variables, hence `env`.
const apt = (prefix, args) =>
  root(prefix, ['env', 'RUNLEVEL=1', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', ...args]);

async function aptInstall(prefix, packages) {
  const { code, output } = await apt(prefix, ['install', '-y', '--no-install-recommends', ...packages]);
  if (code !== 0) console.error(output.trim().split('\n').slice(-5).join('\n'));
  return code === 0;
}

/** Undoes what the package's own scripts did beside installing; called only when this script installed it. */
async function keepRedisDown(prefix) {
  if (systemdRuns()) {
    await root(prefix, ['systemctl', 'unmask', '--runtime', 'redis-server.service']);
    await root(prefix, ['systemctl', 'disable', '--now', 'redis-server.service']);
    return;
  }
  if (existsSync('/run/redis/redis-server.pid')) await root(prefix, ['/etc/init.d/redis-server', 'stop']);
}

const systemdRuns = () => existsSync('/run/systemd/system');

const STAMP = join(ROOT, 'dist/.built');

/** Compiles to dist/ unless nothing in src/ is newer than the last build. */
export async function ensureBuilt() {
  if (existsSync(STAMP) && newestSource() <= statSync(STAMP).mtimeMs) return;
  console.error('Building (tsc) ...'); // stdout is the command's: of `calltrack … --json` it holds JSON and nothing else
  if (!(await build())) fail('The build failed: see above.');
}

export async function build() {
  const startedAt = new Date();
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { code } = await run(process.execPath, [tsc, '-p', 'tsconfig.build.json']);
  if (code !== 0) return false;
  copyAssets();
  // The stamp bears the time the build began, so that what was edited meanwhile is built next time.
  writeFileSync(STAMP, '');
  utimesSync(STAMP, startedAt, startedAt);
  return true;
}

function newestSource() {
  const files = [...filesUnder(join(ROOT, 'src')), join(ROOT, 'tsconfig.json'), join(ROOT, 'tsconfig.build.json')];
  return Math.max(...files.map((file) => statSync(file).mtimeMs));
}

/** Everything under src/ that tsc leaves alone (Lua scripts, pages, schemas) goes to the same place under dist/. */
export function copyAssets() {
  for (const file of filesUnder(join(ROOT, 'src'))) {
    if (extname(file) === '.ts') continue;
    const target = join(ROOT, 'dist', relative(join(ROOT, 'src'), file));
    mkdirSync(dirname(target), { recursive: true });
    // The snippet goes to every visitor of every page: as few bytes as can be.
    if (relative(join(ROOT, 'src'), file) === join('snippet', 'dni.js')) minify(file, target);
    else copyFileSync(file, target);
  }
}

function minify(file, target) {
  const { transformSync } = createRequire(import.meta.url)('esbuild');
  const { code } = transformSync(readFileSync(file, 'utf8'), { minify: true, target: 'es2018' });
  writeFileSync(target, code);
}

function filesUnder(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
