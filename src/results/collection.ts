/** The collection as the page reads it: an index beside the app, and one file a machine. Files that are wrong are named and left out. */
import * as v from 'valibot';
import { PhiError } from '../../workers/shared/errors.ts';
import { parseMachine, type MachineFile } from './machine-file.ts';

export interface Machine extends MachineFile {
  file: string;
}

export interface Collection {
  machines: Machine[];
  /** Files that could not be read, and why. */
  refused: { file: string; why: string }[];
}

/** Names only: a file of the collection lies in its folder. */
const IndexSchema = v.object({
  files: v.pipe(v.array(v.pipe(v.string(), v.regex(/^[\w.-]+\.json$/))), v.maxLength(2_000)),
});

const folder = (): string => new URL('results/', document.baseURI).href;

async function read(path: string): Promise<string> {
  const response = await fetch(new URL(path, folder()), { cache: 'no-cache' }).catch(() => null);
  if (response?.ok) return response.text();
  const why = response ? `HTTP ${response.status}` : 'no connection';
  throw new PhiError(
    'network',
    `results/${path} could not be fetched (${why}). The results need a network connection.`,
  );
}

/** Rejects with `network` or `bad-request` when there is no index; a machine's file that is wrong is no reason to. */
export async function loadCollection(): Promise<Collection> {
  const index = v.safeParse(IndexSchema, parseJson(await read('index.json')));
  if (!index.success) throw new PhiError('bad-request', 'results/index.json is damaged. Build the app again.');
  const collection: Collection = { machines: [], refused: [] };
  const texts = await Promise.allSettled(index.output.files.map(read));
  for (const [i, text] of texts.entries()) {
    const file = index.output.files[i]!;
    try {
      if (text.status === 'rejected') throw text.reason;
      collection.machines.push({ file, ...parseMachine(text.value) });
    } catch (cause) {
      collection.refused.push({ file, why: PhiError.from(cause).message });
    }
  }
  return collection;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
