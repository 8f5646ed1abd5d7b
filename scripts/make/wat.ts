/** WebAssembly's text, in pieces that read as expressions, and what turns it into a module of the sources. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';
import { format, resolveConfig } from 'prettier';

let loops = 0;
/** `body` for `$name` from its present value to `end` in steps, at least once. */
export function loop(name: string, step: string, end: string, body: string): string {
  const label = `$loop${loops++}`;
  return `(loop ${label} ${body}
    (br_if ${label} (i32.lt_u (local.tee $${name} (i32.add (local.get $${name}) ${step})) ${end})))`;
}
export const get = (name: string) => `(local.get $${name})`;
export const set = (name: string, value: string) => `(local.set $${name} ${value})`;
export const int = (value: number) => `(i32.const ${value})`;
export const add = (a: string, b: string) => `(i32.add ${a} ${b})`;
export const times4 = (a: string) => `(i32.shl ${a} (i32.const 2))`;
export const load = (at: string, offset = 0) => `(v128.load offset=${offset} ${at})`;
export const store = (at: string, value: string, offset = 0) => `(v128.store offset=${offset} ${at} ${value})`;
export const plus = (a: string, b: string) => `(f32x4.add ${a} ${b})`;
export const minus = (a: string, b: string) => `(f32x4.sub ${a} ${b})`;
export const shuffle = (lanes: readonly number[], a: string, b: string) =>
  `(i8x16.shuffle ${lanes.join(' ')} ${a} ${b})`;
/** Of 32-bit lanes. */
export const swizzle = (lanes: readonly number[], a: string, b = a) =>
  shuffle(
    lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)),
    a,
    b,
  );
/** Flips the sign of some lanes. */
export const negate = (lanes: readonly boolean[], a: string) =>
  `(v128.xor ${a} (v128.const i32x4 ${lanes.map((flip) => (flip ? '0x80000000' : '0')).join(' ')}))`;
export const params = (...names: string[]) => names.map((name) => `(param $${name} i32)`).join(' ');
export const locals = (type: string, ...names: string[]) => names.map((name) => `(local $${name} ${type})`).join(' ');

/** The larger of two, lane by lane. */
export const larger = (a: string, b: string) => `(f32x4.pmax ${a} ${b})`;

/** `body` for each four of `$count` floats from `$name` on; the local `$end` is theirs. */
export const eachFour = (name: string, count: string, body: string) =>
  `${set('end', add(get(name), times4(get(count))))} ${loop(name, int(16), get('end'), body)}`;

/** wabt's types leave out that it validates for the features that it is told. */
type CheckedModule = ReturnType<Awaited<ReturnType<typeof wabt>>['parseWat']> & { validate(features: object): void };

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Assembles `text` and writes it as the constant `name` of the module `target`, a path in the repository. `script` is the file that has the text. */
export async function assemble({
  text,
  target,
  script,
  name,
}: {
  text: string;
  target: string;
  script: string;
  name: string;
}): Promise<void> {
  const path = join(ROOT, target);
  const assembler = await wabt();
  const features = { simd: true, relaxed_simd: true, threads: true, multi_memory: true };
  const module = assembler.parseWat(`${script}.wat`, text, features) as CheckedModule;
  module.validate(features);
  const { buffer } = module.toBinary({});
  const lines = Buffer.from(buffer)
    .toString('base64')
    .match(/.{1,110}/g)!;
  const source = `/** Made by scripts/make/${script}.ts: WebAssembly, ${buffer.length} bytes in base64. */
export const ${name} = [${lines.map((line) => `'${line}'`).join(', ')}].join('');
`;
  await writeFile(path, await format(source, { ...(await resolveConfig(path)), filepath: path }));
  console.log(`${path}: ${buffer.length} bytes`);
}
