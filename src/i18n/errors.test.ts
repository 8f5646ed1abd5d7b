import { afterEach, describe, expect, it, vi } from 'vitest';
import { PhiError, type ErrorCode } from '../../workers/shared/errors.ts';
import { errorsJa } from './errors-ja.ts';
import { errorLine, explainError } from './errors.ts';
import { i18n } from './i18n.svelte.ts';

const error = new PhiError('quota', 'The browser refused to store more: 41 MB are missing.');

vi.stubGlobal('document', { documentElement: {} });
afterEach(() => i18n.use('en'));

describe('errors', () => {
  it('are what the worker says, in English', () => {
    expect(explainError(error)).toEqual({
      heading: 'The browser’s storage is full',
      text: error.message,
      original: null,
    });
    expect(errorLine(error)).toBe(error.message);
  });

  it('are explained in another language, and keep the exact message', async () => {
    await i18n.use('ja');
    expect(explainError(error)).toEqual({
      heading: 'ブラウザーの保存容量がいっぱいです',
      text: errorsJa.quota,
      original: error.message,
    });
    expect(errorLine(error, '読み込めません')).toBe(`読み込めません（${error.message}）`);
  });

  it('have words for every code, with something to do', () => {
    for (const code of Object.keys(errorsJa) as ErrorCode[]) expect(errorsJa[code], code).toMatch(/。$/);
  });
});
