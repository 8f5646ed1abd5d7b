/** Damaged model files by the thousand, the same for the same seed: what a parser does with each is judged by `verdict`. */
import type { ModelFiles } from '../../../store/bytes.ts';
import { openGguf } from '../gguf/gguf.ts';
import { openOnnx } from '../onnx/onnx.ts';
import { openOpenVino } from '../openvino/openvino.ts';
import { openSafetensors } from '../safetensors/safetensors.ts';
import { createTokenizer } from '../../tokenizer/tokenizer.ts';
import type { Checkpoint } from '../types.ts';
import { referenceBytes } from '../../../testing/references.ts';
import { folderBytes } from './fixtures.ts';
import { tinyGguf, writeGguf } from './gguf-writer.ts';
import { seeded, verdict, withFile } from './hostile.ts';

type Random = (limit: number) => number;
type Files = ReadonlyMap<string, Uint8Array>;

export interface FuzzTarget {
  name: string;
  open: (files: ModelFiles) => Promise<Checkpoint>;
  files: () => Files;
  /** The file that is damaged, and how much of its beginning holds structure and not weights. */
  path: string;
  structure: (content: Uint8Array) => number;
  text: boolean;
}

const whole = (content: Uint8Array) => content.length;
const safetensorsHeader = (content: Uint8Array) =>
  8 + Number(new DataView(content.buffer, content.byteOffset).getBigUint64(0, true));
const tiny = () => new Map([['model.gguf', writeGguf(tinyGguf())]]);
const quantised = () => new Map([['model.gguf', new Uint8Array(referenceBytes('phi/phi4-mini/gguf/q4_1.gguf'))]]);
/** Metadata and the list of tensors end before the first padding of this size. */
const ggufHeader = (content: Uint8Array) => content.length >> 4;
const gguf: FuzzTarget['open'] = (files) => openGguf([...files.values()]);

/** As the engine opens a model: with its tokenizer. */
const withTokenizer = (open: FuzzTarget['open']): FuzzTarget['open'] => {
  return async (files) => {
    const checkpoint = await open(files);
    createTokenizer(checkpoint.tokenizer);
    return checkpoint;
  };
};

/** One for each format, and the JSON files beside them. Those but GGUF start from reference models. */
export const FUZZ_TARGETS: FuzzTarget[] = [
  { name: 'gguf', open: gguf, files: tiny, path: 'model.gguf', structure: whole, text: false },
  {
    name: 'gguf header',
    open: withTokenizer(gguf),
    files: quantised,
    path: 'model.gguf',
    structure: ggufHeader,
    text: false,
  },
  {
    name: 'onnx',
    open: openOnnx,
    files: () => folderBytes('phi4/onnx-cpu-int4'),
    path: 'model.onnx',
    structure: whole,
    text: false,
  },
  {
    name: 'onnx data',
    open: openOnnx,
    files: () => folderBytes('phi4/onnx-cpu-int4'),
    path: 'model.onnx.data',
    structure: whole,
    text: false,
  },
  {
    name: 'openvino xml',
    open: openOpenVino,
    files: () => folderBytes('phi4/openvino-int4-sym'),
    path: 'openvino_model.xml',
    structure: whole,
    text: true,
  },
  {
    name: 'openvino bin',
    open: openOpenVino,
    files: () => folderBytes('phi4/openvino-int4-sym'),
    path: 'openvino_model.bin',
    structure: whole,
    text: false,
  },
  {
    name: 'safetensors',
    open: openSafetensors,
    files: () => folderBytes('phi4'),
    path: 'model.safetensors',
    structure: safetensorsHeader,
    text: false,
  },
  {
    name: 'config.json',
    open: openSafetensors,
    files: () => folderBytes('phi4'),
    path: 'config.json',
    structure: whole,
    text: true,
  },
  {
    name: 'genai_config.json',
    open: openOnnx,
    files: () => folderBytes('phi4/onnx-cpu-int4'),
    path: 'genai_config.json',
    structure: whole,
    text: true,
  },
  {
    name: 'tokenizer.json',
    open: withTokenizer(openSafetensors),
    files: () => folderBytes('phi4'),
    path: 'tokenizer.json',
    structure: whole,
    text: true,
  },
];

/** Lengths, counts and offsets that break arithmetic. */
const NUMBERS = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  1n << 40n,
  (1n << 53n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
];
const WORDS = [
  '-1',
  '0',
  '1e99',
  '99999999999999999999',
  '0.5',
  'null',
  'true',
  '[]',
  '{}',
  '""',
  '"__proto__"',
  '"constructor"',
  '"\\u0000"',
  'NaN',
];

const at = <T>(list: readonly T[], random: Random): T => list[random(list.length)]!;

function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) {
    out.set(part, end);
    end += part.length;
  }
  return out;
}

/** Bytes `[from, to)` replaced. */
const splice = (content: Uint8Array, from: number, to: number, piece: Uint8Array) =>
  concat(content.subarray(0, from), piece, content.subarray(to));

/** Where a number or a quoted text begins after `from`, and its end. */
function token(content: Uint8Array, from: number): [number, number] | null {
  const window = Buffer.from(content.buffer, content.byteOffset + from, Math.min(4096, content.length - from)).toString(
    'latin1',
  );
  const found = /-?\d+(\.\d+)?|"[^"\n]{0,60}"/.exec(window);
  return found && [from + found.index, from + found.index + found[0].length];
}

/** One damage at random to the first `limit` bytes of `content`. */
export function damage(content: Uint8Array, limit: number, text: boolean, random: Random): Uint8Array {
  if (content.length === 0) return content;
  const place = random(Math.max(1, Math.min(limit, content.length)));
  const length = 1 + random(1 << random(9));
  switch (random(text ? 8 : 6)) {
    case 0: // truncated
      return content.slice(0, place);
    case 1: {
      const copy = content.slice();
      for (let flips = 1 + random(6); flips > 0; flips--)
        copy[random(Math.min(limit, content.length))]! ^= 1 << random(8);
      return copy;
    }
    case 2: {
      const number = new Uint8Array(BigUint64Array.of(at(NUMBERS, random)).buffer).subarray(
        0,
        at([1, 2, 4, 8], random),
      );
      return splice(content, place, Math.min(content.length, place + number.length), number);
    }
    case 3: // a piece missing
      return splice(content, place, Math.min(content.length, place + length), new Uint8Array(0));
    case 4: {
      const piece = content.subarray(place, place + length);
      return splice(content, place, place, concat(...Array.from({ length: 1 + random(64) }, () => piece)));
    }
    case 5: {
      const other = random(content.length);
      return splice(content, place, Math.min(content.length, place + length), content.slice(other, other + length));
    }
    case 6: {
      const found = token(content, place);
      return found ? splice(content, ...found, new TextEncoder().encode(at(WORDS, random))) : content.slice(0, place);
    }
    default: // nested without end
      return splice(
        content,
        place,
        place,
        new TextEncoder().encode(at(['[', '{"a":', '<a>', '"'], random).repeat(1 << random(16))),
      );
  }
}

export interface FuzzResult {
  files: number;
  /** Ended in a PhiError; the others were read as a sound model. */
  refused: number;
  slowestMs: number;
}

/** `count` damaged files; throws at the first that is not refused as it should be, with the number that repeats it alone. */
export async function fuzz(target: FuzzTarget, count: number, seed: number): Promise<FuzzResult> {
  const files = target.files();
  const content = files.get(target.path)!;
  const limit = target.structure(content);
  const result: FuzzResult = { files: count, refused: 0, slowestMs: 0 };
  for (let i = 0; i < count; i++) {
    const random = seeded(seed + i);
    let bytes = content;
    for (let times = 1 + random(3); times > 0; times--) bytes = damage(bytes, limit, target.text, random);
    const start = performance.now();
    try {
      if (await verdict(target.open, withFile(files, target.path, bytes))) result.refused++;
    } catch (cause) {
      throw new Error(`${target.name}: damaged file with the seed ${seed + i}`, { cause });
    }
    result.slowestMs = Math.max(result.slowestMs, performance.now() - start);
  }
  return result;
}
