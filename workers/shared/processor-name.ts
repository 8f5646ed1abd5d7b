/** "CPU, 2 threads, 3 stages": what a model on WASM runs on, in English. */
export const processorName = (threads: number, stages: number): string =>
  `CPU, ${threads === 1 ? '1 thread' : `${threads} threads`}${stages > 1 ? `, ${stages} stages` : ''}`;
