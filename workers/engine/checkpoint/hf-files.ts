/** The files around the weights of a Hugging Face style folder: tokenizer, chat template, config. */
import * as v from 'valibot';
import { PhiError } from '../../shared/errors.ts';
import type { ModelFiles } from '../../store/bytes.ts';
import { checked, CONFIG_BYTES, fileIn, missing, optionalJson, readJson, TOKENIZER_BYTES } from './json.ts';
import type { TokenizerSource } from './types.ts';

const Template = v.union([v.string(), v.array(v.object({ name: v.string(), template: v.string() }))]);
const TemplateHolder = v.nullish(v.object({ chat_template: v.nullish(Template) }));

/** Lists belong to Unigram models, which are refused for that when the tokenizer is made. */
const Vocabulary = v.object({
  model: v.object({ vocab: v.union([v.array(v.unknown()), v.record(v.string(), v.number())]) }),
});

export interface TextFiles {
  tokenizer: TokenizerSource;
  chatTemplate: string | null;
}

/** Reads tokenizer.json, tokenizer_config.json and the chat template of `folder` ('' or ending in '/'). */
export async function readTextFiles(files: ModelFiles, folder: string): Promise<TextFiles> {
  const source = fileIn(files, folder, 'tokenizer.json');
  if (!source) {
    const other = ['tokenizer.model', 'vocab.json'].find((name) => fileIn(files, folder, name));
    throw new PhiError(
      'bad-model',
      `${missing(files, folder, 'tokenizer.json')} Take it from the model's repository and put it beside the weights.${other ? ` This app does not read ${other}.` : ''}`,
    );
  }
  const json = await readJson(source, TOKENIZER_BYTES);
  const { model } = checked(Vocabulary, json, source.name);
  if (Object.keys(model.vocab).length === 0)
    throw new PhiError('bad-model', `${source.name} has an empty vocabulary. Download it again.`);
  // Phi-3's own tokenizer_config.json lists hundreds of added tokens.
  const config = await optionalJson(files, folder, 'tokenizer_config.json', 4 * CONFIG_BYTES);
  return {
    tokenizer: { kind: 'tokenizer.json', json, config },
    chatTemplate: await chatTemplate(files, folder, config),
  };
}

/** chat_template.jinja, chat_template.json, then tokenizer_config.json, as transformers looks for it. */
async function chatTemplate(files: ModelFiles, folder: string, tokenizerConfig: unknown): Promise<string | null> {
  const jinja = fileIn(files, folder, 'chat_template.jinja');
  if (jinja) {
    if (jinja.size > CONFIG_BYTES)
      throw new PhiError(
        'bad-model',
        `${jinja.name} has ${jinja.size} bytes. The limit for a chat template is ${CONFIG_BYTES}.`,
      );
    return new TextDecoder().decode(await jinja.read(0, jinja.size));
  }
  const own = pickTemplate(await optionalJson(files, folder, 'chat_template.json'), `${folder}chat_template.json`);
  return own ?? pickTemplate(tokenizerConfig, `${folder}tokenizer_config.json`);
}

function pickTemplate(json: unknown, file: string): string | null {
  const template = checked(TemplateHolder, json, file)?.chat_template;
  if (!Array.isArray(template)) return template ?? null;
  return (template.find(({ name }) => name === 'default') ?? template[0])?.template ?? null;
}
