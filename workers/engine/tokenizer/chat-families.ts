/** Chat templates for files that carry none, chosen by the control tokens that the vocabulary has. */
import { PhiError } from '../../shared/errors.ts';
import type { Tokenizer } from './types.ts';

const turns = (turn: string, prompt: string) =>
  `{% for message in messages %}{{ ${turn} }}{% endfor %}{% if add_generation_prompt %}{{ ${prompt} }}{% endif %}`;

interface Family {
  /** Control tokens that must be there, and none of `without`. */
  with: string[];
  without?: string[];
  template: string;
}

const FAMILIES: Family[] = [
  {
    // Phi-4-mini: the marks of Phi-3 without line breaks; its vocabulary is o200k's, which has <|endofprompt|>.
    with: ['<|user|>', '<|assistant|>', '<|end|>', '<|endofprompt|>'],
    template: turns(
      `'<|' + message['role'] + '|>' + message['content'] + ('<|tool|>' + message['tools'] + '<|/tool|>' if 'tools' in message else '') + '<|end|>'`,
      `'<|assistant|>'`,
    ),
  },
  {
    // Phi-3 and Phi-3.5
    with: ['<|user|>', '<|assistant|>', '<|end|>'],
    template: turns(`'<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n'`, `'<|assistant|>\\n'`),
  },
  {
    // Phi-4
    with: ['<|im_start|>', '<|im_sep|>', '<|im_end|>'],
    template: turns(
      `'<|im_start|>' + message['role'] + '<|im_sep|>' + message['content'] + '<|im_end|>'`,
      `'<|im_start|>assistant<|im_sep|>'`,
    ),
  },
  {
    // ChatML, as SmolLM2 speaks it
    with: ['<|im_start|>', '<|im_end|>'],
    without: ['<|im_sep|>'],
    template: turns(
      `'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n'`,
      `'<|im_start|>assistant\\n'`,
    ),
  },
];

/** Jinja source. Throws `unsupported-model` when the vocabulary has no known marks of turns: such a model completes text, it does not chat. */
export function familyTemplate(tokenizer: Pick<Tokenizer, 'tokenId'>): string {
  const has = (token: string) => tokenizer.tokenId(token) !== undefined;
  const family = FAMILIES.find((each) => each.with.every(has) && !each.without?.some(has));
  if (family) return family.template;
  throw new PhiError(
    'unsupported-model',
    'The model has no chat template, and its vocabulary has no chat tokens of Phi-3, Phi-4-mini, Phi-4 or ChatML. It can complete text, but it was not trained for chat. Choose an instruct model.',
  );
}
