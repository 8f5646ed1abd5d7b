import { defineConfig } from 'vitest/config';
import e2e from './vitest.e2e.config.ts';

/** `npm run test:native`: against a real server, which has to be built first. (Merging the two would run every browser test besides.) */
export default defineConfig({ test: { ...e2e.test, include: ['e2e/native/**/*.native.ts'] } });
