import { PhiError } from '../../shared/errors.ts';

/** The file breaks its own format, or goes beyond what any tokenizer needs. */
export const damagedTokenizer = (what: string): PhiError =>
  new PhiError(
    'bad-model',
    `The tokenizer is damaged: ${what}. Download tokenizer.json again from where the model comes from.`,
  );

/** A sound file of a kind that is not done here. */
export const unsupportedTokenizer = (what: string): PhiError =>
  new PhiError('unsupported-model', `The tokenizer has ${what}. That is not supported.`);
