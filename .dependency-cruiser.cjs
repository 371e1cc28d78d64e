/** The house's walls: which folder may know which. Run by `npm run check`. */
const ADAPTERS = '^src/(sip|media|redis|http|webhooks|recordings|observability|sandbox|cli|console)/';
module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'core-imports-no-adapter',
      severity: 'error',
      from: { path: '^src/(call|routing|numbers)/' },
      to: { path: ADAPTERS },
    },
    {
      name: 'core-imports-no-network',
      severity: 'error',
      from: { path: '^src/(call|routing|numbers)/' },
      to: {
        // Packages are resolved to where they lie, what Node brings along keeps its name.
        path: '(^|/)node_modules/(ioredis|express|undici|drachtio-[^/]+|modesl|@aws-sdk)/|^(node:)?(net|tls|dgram|dns|http|https|http2|fs|child_process)(/|$)',
      },
    },
    {
      name: 'only-sip-knows-srf',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/sip/' },
      to: { path: 'node_modules/drachtio-srf' },
    },
    {
      name: 'only-media-knows-freeswitch',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/media/' },
      to: { path: 'node_modules/(drachtio-fsmrf|drachtio-modesl|modesl)' },
    },
    {
      name: 'only-redis-knows-ioredis',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/redis/' },
      to: { path: 'node_modules/ioredis' },
    },
    {
      name: 'only-http-knows-express',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(http|console)/' },
      to: { path: 'node_modules/express' },
    },
    {
      name: 'gateway-does-not-know-the-sandbox',
      severity: 'error',
      comment:
        'The gateway is one program; it only starts the stand-ins as a process of their own (sandbox/process.ts).',
      from: { path: '^src/', pathNot: '^src/(sandbox|app)' },
      to: { path: '^src/sandbox/' },
    },
    {
      name: 'sandbox-does-not-know-the-gateway',
      severity: 'error',
      from: { path: '^src/sandbox/' },
      to: { path: '^src/(?!sandbox|lib)' },
    },
    {
      name: 'only-composition-root-builds',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(gateway|cli)' },
      to: { path: '^src/app\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
