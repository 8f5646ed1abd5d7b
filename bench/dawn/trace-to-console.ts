/** In Node, ONNX Runtime writes its trace to the standard output and not to the console. Import this before anything that loads it. */
import fs from 'node:fs';

const STDOUT = 1;
const write = fs.writeSync as (fd: number, data: unknown, ...rest: unknown[]) => number;
fs.writeSync = (fd: number, data: unknown, ...rest: unknown[]) => {
  if (fd !== STDOUT || typeof data !== 'string') return write(fd, data, ...rest);
  for (const line of data.trimEnd().split('\n')) console.log(line);
  return data.length;
};
