/** Tests that `npm test` leaves to the long runs (scripts/cli/test/long.ts). */
export { describeIf, itIf } from '../../workers/testing/it-if.ts';

/** `npm run test:backends`: the whole matrix of models, forms and backends. */
export const ALL = process.env.PHI_MATRIX === 'all';
/** `npm run test:timing`: on an idle machine, times and their ratios are checked too. */
export const TIMED = process.env.PHI_TIMING === '1';
