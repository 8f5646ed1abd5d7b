/**
 * Writes src/models/catalogue/catalogue.json from a file of collected facts and from catalogue/more-facts.json, which names the public page of
 * every figure: `tsx scripts/make/catalogue.ts FACTS.json`. Kept are figures and names only; what is unknown there stays absent, and nothing is made up. The result is checked by src/models/catalogue/catalogue.test.ts.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format } from 'prettier';
import * as v from 'valibot';
import { ROOT } from '../build/app.ts';
import { ASSUMED_FILES, MODELS, type Model, type Source } from './catalogue/choice.ts';
import { roundedBytes } from './catalogue/sizes.ts';

const unknown = v.literal('unknown');
const FileSchema = v.object({
  path: v.string(),
  bytes: v.union([v.number(), unknown]),
  sha256: v.union([v.pipe(v.string(), v.length(64)), unknown]),
  size_text: v.optional(v.string()),
});
const VariantSchema = v.object({
  kind: v.literal('variant'),
  id: v.string(),
  quant: v.string(),
  repo: v.string(),
  revision: v.string(),
  dir: v.string(),
  files_sum_bytes: v.union([v.number(), unknown]),
  total_bytes_source: v.union([v.number(), unknown]),
  files: v.array(FileSchema),
});
const ModelSchema = v.object({
  kind: v.literal('model'),
  model: v.string(),
  licence: v.string(),
  context: v.number(),
  config: v.looseObject({
    layers: v.number(),
    hidden: v.number(),
    heads: v.number(),
    kv_heads: v.number(),
    head_dim: v.number(),
    intermediate: v.number(),
    experts: v.optional(v.number()),
    vocab: v.number(),
    tie_word_embeddings: v.boolean(),
  }),
});

type FactFile = v.InferOutput<typeof FileSchema>;
type FactVariant = v.InferOutput<typeof VariantSchema>;

/** The files that the readers in workers/engine/checkpoint open, besides the weights. The rest of a repository is not downloaded. */
const TEXT_FILES: Record<Source['format'], { needed: string[]; welcome: string[] }> = {
  gguf: { needed: [], welcome: [] },
  'onnx-genai': {
    needed: ['genai_config.json', 'tokenizer.json'],
    welcome: ['config.json', 'tokenizer_config.json', 'chat_template.jinja'],
  },
  'onnx-web': {
    needed: ['config.json', 'tokenizer.json'],
    welcome: ['tokenizer_config.json', 'generation_config.json', 'chat_template.jinja'],
  },
  safetensors: {
    needed: ['config.json', 'tokenizer.json'],
    welcome: ['tokenizer_config.json', 'generation_config.json', 'chat_template.jinja', 'model.safetensors.index.json'],
  },
};

function entry({ path, bytes, sha256, size_text }: FactFile, optional = false, exact = true) {
  const about = bytes === 'unknown' ? roundedBytes(size_text) : exact ? null : bytes;
  return {
    path,
    ...(bytes === 'unknown' || !exact ? {} : { bytes }),
    ...(about === null ? {} : { about }),
    ...(sha256 === 'unknown' ? {} : { sha256 }),
    ...(optional ? { optional } : {}),
  };
}

const WEIGHTS = /\.(gguf|onnx|onnx[._]data(_\d+)?|safetensors)$/;

function filesOf(fact: FactVariant, source: Source, only?: string) {
  const folder = fact.dir === '' ? '' : `${fact.dir}/`;
  const listed = new Map(fact.files.map((file) => [file.path, file]));
  const { needed, welcome } = TEXT_FILES[source.format];
  const blank = (path: string): FactFile => ({ path, bytes: 'unknown', sha256: 'unknown' });
  const text = (name: string) => listed.get(folder + name) ?? blank(folder + name);
  // A folder that was listed in full has no files but those.
  const whole = fact.files_sum_bytes !== 'unknown';
  const weights = [...fact.files, ...(ASSUMED_FILES[fact.id] ?? [])].filter(({ path }) =>
    only ? path === only : WEIGHTS.test(path),
  );
  return [
    ...weights.map((file) => entry(file, false, !source.inexact)),
    ...needed.map((name) => entry(text(name))),
    ...welcome
      .filter((name) => !whole || listed.has(folder + name))
      .map((name) => entry(text(name), !listed.has(folder + name))),
  ];
}

/** One variant, or one for each of a repository's GGUF files that is chosen. */
function variantsOf(model: Model, source: Source, facts: Map<string, FactVariant>) {
  const fact = facts.get(source.fact);
  if (!fact) throw new Error(`The facts have no variant "${source.fact}".`);
  const revision = /^[0-9a-f]{40}$/.test(fact.revision) ? fact.revision : null; // the hub takes full commits only
  const common = {
    format: source.format,
    repo: fact.repo,
    revision,
    folder: fact.dir === '' ? '' : `${fact.dir}/`,
    ...(source.edition ? { edition: source.edition } : {}),
  };
  if (source.format !== 'gguf') {
    const about = source.about ?? (fact.total_bytes_source === 'unknown' ? undefined : fact.total_bytes_source);
    return [
      {
        id: `${model.id}.${source.id}`,
        ...common,
        target: source.target,
        quant: source.quant,
        bits: source.bits,
        ...(about === undefined ? {} : { about }),
        files: filesOf(fact, source),
      },
    ];
  }
  return source.quants.map(([quant, path, bits]) => ({
    id: `${model.id}.${source.id}-${quant.toLowerCase()}`,
    ...common,
    target: 'any',
    quant,
    bits,
    files: filesOf(fact, source, path),
  }));
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('Usage: tsx scripts/make/catalogue.ts FACTS.json');
const MORE_FACTS = join(import.meta.dirname, 'catalogue/more-facts.json');
const records = (await Promise.all([path, MORE_FACTS].map((file) => readFile(file, 'utf8')))).flatMap(
  (text) => JSON.parse(text) as { kind: string }[],
);
const variants = new Map(
  records
    .filter(({ kind }) => kind === 'variant')
    .map((record) => v.parse(VariantSchema, record))
    .map((variant) => [variant.id, variant]),
);
const models = new Map(
  records
    .filter(({ kind }) => kind === 'model')
    .map((record) => v.parse(ModelSchema, record))
    .map((model) => [model.model, model]),
);

const catalogue = MODELS.map((model) => {
  const fact = models.get(model.fact);
  if (!fact) throw new Error(`The facts have no model "${model.fact}".`);
  const { layers, hidden, heads, intermediate, experts, vocab, tie_word_embeddings } = fact.config;
  return {
    id: model.id,
    name: model.name,
    licence: fact.licence,
    rank: model.rank,
    ...(model.reasoning ? { reasoning: true } : {}),
    shape: {
      layers,
      hidden,
      heads,
      kvHeads: fact.config.kv_heads,
      headDim: fact.config.head_dim,
      intermediate,
      ...(experts && { experts: { count: experts } }),
      vocab,
      context: fact.context,
    },
    tied: tie_word_embeddings,
    variants: model.sources.flatMap((source) => variantsOf(model, source, variants)),
  };
});

const target = join(ROOT, 'src/models/catalogue/catalogue.json');
await writeFile(
  target,
  await format(JSON.stringify(catalogue), { parser: 'json', printWidth: 120, singleQuote: true }),
);
console.log(
  `${target}: ${catalogue.length} models, ${catalogue.reduce((sum, { variants }) => sum + variants.length, 0)} variants`,
);
