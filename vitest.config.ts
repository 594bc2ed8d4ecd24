import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globals: false,
    pool: 'forks',
    // Tests wait as much as they work: three of them keep two processors busy.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    teardownTimeout: 5_000,
    // The compiled product runs as users run it, untouched by the test runner's transforms.
    server: { deps: { external: [/\/dist\//] } },
  },
});
