/** Knows GGUF files by their content, whatever they are called: downloads lose their ending, and Ollama names files by their hash. */
import type { ByteSource } from '../../../store/bytes.ts';

const HEADER_BYTES = 24;

/** Endings that show what a file is. These files are not opened. */
const OTHER_KINDS =
  /(^|\/)(license|licence|readme|notice|\.git\w*)$|\.(gguf|onnx|onnx[._]data(_\d+)?|data|safetensors|xml|jsonl?|jinja|tmpl|txt|md|model|py|ipynb|png|jpe?g|gif|webp|svg|pdf|ya?ml|toml|html?|css|js|ts|sh|csv|zip|gz|tar|7z)$/i;

/** True if the first four bytes are "GGUF". */
export async function isGguf(source: ByteSource): Promise<boolean> {
  if (source.size < HEADER_BYTES) return false;
  const [g, g2, u, f] = await source.read(0, 4);
  return g === 0x47 && g2 === 0x47 && u === 0x55 && f === 0x46;
}

/** Paths of the GGUF files among `paths` whose names do not say so. Files whose ending says that they are something else are not read. */
export async function unnamedGgufs(
  files: ReadonlyMap<string, ByteSource>,
  paths: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) if (!OTHER_KINDS.test(path) && (await isGguf(files.get(path)!))) found.push(path);
  return found;
}
