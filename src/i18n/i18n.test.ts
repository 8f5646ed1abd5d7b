import { describe, expect, it } from 'vitest';
import { en as first } from './en.ts';
import { preferredLanguage } from './i18n.svelte.ts';
import { ja } from './ja.ts';
import { screensEn } from './screens-en.ts';

type Entry = string | ((...args: never[]) => string);
const en = { ...first, ...screensEn };
const english = en as Record<string, Entry>;
const japanese = ja as Record<string, Entry>;

/** What a function gives for placeholders that can be found again. */
function render(entry: Entry): string {
  if (typeof entry === 'string') return entry;
  const marks = Array.from({ length: entry.length }, (_, i) => `<${i}>`);
  return (entry as (...args: string[]) => string)(...marks);
}

describe('catalogues', () => {
  it('have the same keys', () => {
    expect(Object.keys(japanese)).toEqual(Object.keys(english));
  });

  it('are translated: no entry is empty, and none in Latin letters only but for names', () => {
    const names = new Set(['appName', 'topK', 'topP', 'minP', 'jspi', 'context', 'bytesOf', 'errorLine']);
    for (const [key, entry] of Object.entries(japanese)) {
      expect(render(entry).trim(), key).not.toBe('');
      if (!names.has(key)) expect(render(entry), key).toMatch(/[\u3040-\u30ff\u4e00-\u9fff]/);
    }
  });

  it('use every figure that they are given', () => {
    for (const catalogue of [english, japanese]) {
      for (const [key, entry] of Object.entries(catalogue)) {
        // A count may choose between forms without being shown.
        const unused = new Set([
          'tokens',
          'verifiedDamaged',
          'formCount',
          'willLeaveContext',
          'noLongerInContext',
          'serverGoesHistory',
          'deleteAllConfirm',
          'exportDamaged',
          'imported',
          'importedKnown',
          'tableRounds',
          'importRows',
          'machineCores',
          'count:page',
          'count:slide',
          'count:sheet',
          'count:chapter',
          'count:part',
          'givenPassages',
          'resultsCount',
          'resultsMachineCount',
          'resultsUnsteady',
          'onProcessor',
        ]);
        if (typeof entry === 'function' && !unused.has(key))
          for (let i = 0; i < entry.length; i++) expect(render(entry), key).toContain(`<${i}>`);
      }
    }
  });

  it('name buttons and box as screen readers and tests find them', () => {
    expect([en.message, en.send, en.stop]).toEqual(['Message', 'Send', 'Stop']);
  });
});

describe('preferredLanguage', () => {
  it('takes the first language that we speak', () => {
    expect(preferredLanguage(['fr-FR', 'ja-JP', 'en'])).toBe('ja');
    expect(preferredLanguage(['EN-gb'])).toBe('en');
    expect(preferredLanguage(['fr'])).toBe('en');
    expect(preferredLanguage(['toString'])).toBe('en');
    expect(preferredLanguage([])).toBe('en');
  });
});
