/** The origin of the worker in the GPU process. No server answers there: its paths are those of this machine's files (see hooks.ts). */
export const ORIGIN = 'http://worker.invalid';
