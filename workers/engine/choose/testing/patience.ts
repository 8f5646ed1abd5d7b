/** For tests on a processor that other programs use too. */
export { waitLonger } from '../deadline.ts';
