/**
 * Cuts a small GGUF into parts as llama.cpp's gguf-split does, to try what reads them:
 *
 *   npx tsx scripts/make/split-gguf.ts ../shared/fixtures/phi/phi4-mini/gguf/q4_k_m.gguf 3 OUT_FOLDER
 *
 * The file is held in memory.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseGguf } from '../../workers/engine/checkpoint/gguf/parse.ts';
import { locateTensors } from '../../workers/engine/checkpoint/gguf/tensors.ts';
import { splitGguf, type WrittenTensor } from '../../workers/engine/checkpoint/testing/gguf-writer.ts';
import { blobSource } from '../../workers/store/bytes.ts';

async function splitFile(path: string, count: number, folder: string): Promise<void> {
  const header = await parseGguf(blobSource(path, new Blob([readFileSync(path)])));
  const tensors: WrittenTensor[] = [];
  const located = locateTensors([header]);
  for (const { name, dims, type: id } of header.tensors) {
    const { source, offset, type, rows, cols } = located.get(name)!;
    tensors.push({
      name,
      dims,
      type: id,
      data: await source.read(offset, ((rows * cols) / type.elements) * type.bytes),
    });
  }
  mkdirSync(folder, { recursive: true });
  const five = (value: number) => String(value).padStart(5, '0');
  splitGguf({ metadata: header.metadata, tensors }, count).forEach((bytes, part) => {
    const file = join(folder, `${basename(path, '.gguf')}-${five(part + 1)}-of-${five(count)}.gguf`);
    writeFileSync(file, bytes);
    console.log(file, bytes.length);
  });
}

const [path, count, folder] = process.argv.slice(2);
if (!path || !folder || !(Number(count) >= 2))
  throw new Error('usage: tsx scripts/make/split-gguf.ts IN.gguf PARTS OUT_FOLDER');
await splitFile(path, Number(count), folder);
