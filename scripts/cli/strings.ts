/** `npm run strings`: every string that reaches people, as one list, so that a person can read them all in one go. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findStrings } from './strings/find.ts';

const USAGE = `npm run strings -- [FOLDER or FILE...]
Lists every string that reaches people: file:line, how it reaches them, and the text.
Without a folder it reads src, workers, scripts and bench. Tests and their helpers are left out.`;

const FOLDERS = ['src', 'workers', 'scripts', 'bench'];
const isTest = (path: string) => /\.test\.ts$|(^|\/)testing\/|\.d\.ts$/.test(path);

function filesOf(place: string): string[] {
  if (!statSync(place).isDirectory()) return [place];
  const inside = readdirSync(place, { recursive: true, encoding: 'utf8' }).map((path) => join(place, path));
  return inside.filter((path) => /\.(ts|svelte)$/.test(path) && !isTest(path));
}

function main(places: readonly string[]): void {
  if (places.includes('--help')) {
    console.log(USAGE);
    return;
  }
  const files = (places.length > 0 ? places : FOLDERS).flatMap(filesOf);
  if (files.length === 0) throw new Error(`No TypeScript or Svelte files in ${places.join(', ')}.`);
  const found = [...new Set(files)].sort().flatMap((path) => findStrings(path, readFileSync(path, 'utf8')));
  for (const { file, line, kind, text } of found) console.log(`${file}:${line}\t${kind}\t${text}`);
  console.error(`${found.length} strings in ${files.length} files.`);
}

main(process.argv.slice(2));
