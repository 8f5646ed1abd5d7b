/** JSON files of a model: bounded before they are parsed, checked against a schema after. */
import * as v from 'valibot';
import { PhiError } from '../../shared/errors.ts';
import type { ByteSource, ModelFiles } from '../../store/bytes.ts';

/** config.json and its kin are a few KB; Phi's LongRoPE arrays make 10. */
export const CONFIG_BYTES = 1 << 20;
/** Phi-4-mini's tokenizer.json is 15 MB. */
export const TOKENIZER_BYTES = 40 << 20;
const DEPTH_LIMIT = 64;

/** Parses UTF-8 JSON. Throws `bad-model` when it is too large, nested too deeply or no JSON. */
export function parseJson(name: string, bytes: Uint8Array): unknown {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i]!;
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x5b || c === 0x7b) {
      if (++depth > DEPTH_LIMIT)
        throw new PhiError(
          'bad-model',
          `${name} is nested more than ${DEPTH_LIMIT} levels deep, so it does not belong to a model.`,
        );
    } else if (c === 0x5d || c === 0x7d) depth--;
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    throw new PhiError(
      'bad-model',
      `${name} is not valid JSON (${cause instanceof Error ? cause.message : String(cause)}). Download it again.`,
      undefined,
      {
        cause,
      },
    );
  }
}

export async function readJson(source: ByteSource, limit: number): Promise<unknown> {
  if (source.size > limit)
    throw new PhiError('bad-model', `${source.name} has ${source.size} bytes. The limit for such a file is ${limit}.`);
  return parseJson(source.name, await source.read(0, source.size));
}

/** The file of that name in `folder` ('' or ending in '/'), or null. */
export function fileIn(files: ModelFiles, folder: string, name: string): ByteSource | null {
  return files.get(folder + name) ?? null;
}

/** "config.json is missing.", and a file beside that is probably it, as browsers name a second download and editors a text. */
export function missing(files: ModelFiles, folder: string, name: string): string {
  const [stem = '', ending = ''] = name.split(/(?=\.[^.]*$)/);
  const near = [...files.keys()].find((path) => {
    const own = path.startsWith(folder) ? path.slice(folder.length) : '';
    return own.startsWith(stem) && /^(?: ?\(\d+\)|_| copy)?\.json(?:\.txt)?$/.test(own.slice(stem.length));
  });
  return `${folder}${name} is missing.${near && ending === '.json' ? ` Rename ${near}, if that is it.` : ''}`;
}

export async function optionalJson(
  files: ModelFiles,
  folder: string,
  name: string,
  limit = CONFIG_BYTES,
): Promise<unknown> {
  const source = fileIn(files, folder, name);
  return source ? readJson(source, limit) : null;
}

/** `value` as the schema says, or `bad-model` naming the file and the field. Unknown fields are dropped. */
export function checked<S extends v.GenericSchema>(schema: S, value: unknown, file: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new PhiError('bad-model', `${file}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`);
}

/** Folder part of a path, '' or ending in '/'. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}
