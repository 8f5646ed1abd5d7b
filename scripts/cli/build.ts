/** `npm run build`: makes `dist/`, which any static server can serve. */
import { buildApp } from '../build/app.ts';

await buildApp();
