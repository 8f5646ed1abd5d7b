import { PhiError } from '../../shared/errors.ts';

/** The file breaks its own format, or goes beyond what any tokenizer needs. */
export const damagedTokenizer = (what: string): PhiError =>
  new PhiError(
    'bad-model',
    `The tokenizer is damaged: ${what}. Download tokenizer.json again from the model's repository.`,
  );

/** A sound file of a kind that this app does not support. */
export const unsupportedTokenizer = (what: string): PhiError =>
  new PhiError('unsupported-model', `The tokenizer has ${what}, which is not supported.`);
