import { defineConfig, mergeConfig } from 'vitest/config';
import e2e from './vitest.e2e.config.ts';

/** `npm run test:native`: against a real server, which has to be built first. */
export default mergeConfig(e2e, defineConfig({ test: { include: ['e2e/native/**/*.native.ts'] } }));
