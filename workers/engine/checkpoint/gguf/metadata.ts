import { PhiError } from '../../../shared/errors.ts';
import type { GgufValue } from './parse.ts';

export type Metadata = ReadonlyMap<string, GgufValue>;

/** Numbers under `prefix` ("phi3.") that say in `bad-model` errors which key of which file is wrong. */
export class Keys {
  readonly #file: string;
  readonly #metadata: Metadata;
  readonly #prefix: string;

  constructor(file: string, metadata: Metadata, prefix: string) {
    this.#file = file;
    this.#metadata = metadata;
    this.#prefix = prefix;
  }

  damaged(key: string, why: string): PhiError {
    return new PhiError('bad-model', `${this.#file}: metadata "${this.#prefix}${key}": ${why}.`, {
      key: this.#prefix + key,
    });
  }

  /** A whole number from 0, or null where there is none. */
  whole(key: string): number | null {
    const value = sameForAll(this.#metadata.get(this.#prefix + key));
    if (value === undefined) return null;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      throw this.damaged(key, `${String(value)} is not one count for all layers`);
    return value;
  }

  count(key: string): number {
    const value = this.whole(key);
    if (value === null) throw this.damaged(key, 'missing');
    return value;
  }

  /** A number above 0, or null where there is none. */
  positive(key: string): number | null {
    const value = this.#metadata.get(this.#prefix + key);
    if (value === undefined) return null;
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
      throw this.damaged(key, `${String(value)} is not a positive number`);
    return value;
  }

  text(key: string): string | null {
    const value = this.#metadata.get(this.#prefix + key);
    return typeof value === 'string' ? value : null;
  }
}

/** Some converters write a number for each layer. If all are equal, that is the number. */
function sameForAll(value: GgufValue | undefined): GgufValue | undefined {
  const list = value instanceof Int32Array || value instanceof Uint32Array ? value : null;
  const first = list?.[0];
  return list && first !== undefined && list.every((item) => item === first) ? first : value;
}
