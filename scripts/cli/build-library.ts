/** `npm run build:library`: makes the package `phi-in-a-tab` in `dist-library/`, ready for `npm pack` and `npm publish`. */
import { buildLibrary, LIBRARY } from '../build/library.ts';

await buildLibrary();
console.log(`The package is in ${LIBRARY}.`);
