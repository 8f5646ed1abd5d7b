/** Parts of a split GGUF, as llama.cpp's gguf-split makes them: every part has its own header; the first has the model's metadata. */
import { PhiError } from '../../../shared/errors.ts';
import type { GgufHeader } from './parse.ts';

const PART = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i;

/** Prefix, number from 1 and count out of `phi-00001-of-00003.gguf`; null for a name of another form. */
export function splitName(name: string): { prefix: string; part: number; count: number } | null {
  const match = PART.exec(name);
  return match ? { prefix: match[1]!, part: Number(match[2]), count: Number(match[3]) } : null;
}

/** Parts in order. Throws `bad-model` that names a part that is missing, double, or of another model. */
export function joinParts(headers: GgufHeader[]): { first: GgufHeader; parts: GgufHeader[] } {
  const [any] = headers;
  if (!any) throw new PhiError('bad-request', 'No GGUF file was given.');
  const count = splitCount(any);
  if (headers.length === 1 && count === 1) return { first: any, parts: headers };

  const byPart = new Map<number, GgufHeader>();
  for (const header of headers) {
    const { name } = header.source;
    const part = header.metadata.get('split.no') ?? 0;
    if (splitCount(header) !== count || count === 1 || typeof part !== 'number' || part >= count) {
      throw new PhiError('bad-model', `${name} and ${any.source.name} are not parts of one split model.`);
    }
    const twin = byPart.get(part);
    if (twin) throw new PhiError('bad-model', `${name} and ${twin.source.name} are both part ${part + 1} of ${count}.`);
    byPart.set(part, header);
  }
  for (let part = 0; part < count; part++) {
    if (!byPart.has(part))
      throw new PhiError(
        'bad-model',
        `${partName(any, part, count)} is missing. The model is split into ${count} files, but only ${headers.length} are here.`,
      );
  }
  const parts = [...byPart.keys()].sort((a, b) => a - b).map((part) => byPart.get(part)!);
  const first = parts[0]!;
  const tensors = parts.reduce((sum, part) => sum + part.tensors.length, 0);
  const expected = first.metadata.get('split.tensors.count');
  if (typeof expected === 'number' && expected !== tensors) {
    throw new PhiError(
      'bad-model',
      `${first.source.name}: the ${count} parts should have ${expected} tensors together, but they have ${tensors}. They come from different versions, or are damaged.`,
    );
  }
  return { first, parts };
}

function splitCount(header: GgufHeader): number {
  const count = header.metadata.get('split.count') ?? 1;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > 65_535) {
    throw new PhiError(
      'bad-model',
      `${header.source.name}: metadata "split.count" is ${String(count)}, which is not valid. The file is damaged.`,
    );
  }
  return Math.max(count, 1);
}

function partName(any: GgufHeader, part: number, count: number): string {
  const name = splitName(any.source.name);
  const five = (value: number) => String(value).padStart(5, '0');
  return name
    ? `${name.prefix}-${five(part + 1)}-of-${five(count)}.gguf`
    : `Part ${part + 1} of ${count} of ${any.source.name}`;
}
