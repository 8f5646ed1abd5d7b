import { describe, expect, it } from 'vitest';
import { parseSettings, Settings } from './settings.svelte.ts';

class MemoryStorage implements Storage {
  readonly #items = new Map<string, string>();
  get length() {
    return this.#items.size;
  }
  clear() {
    this.#items.clear();
  }
  getItem(key: string) {
    return this.#items.get(key) ?? null;
  }
  key() {
    return null;
  }
  removeItem(key: string) {
    this.#items.delete(key);
  }
  setItem(key: string, value: string) {
    this.#items.set(key, value);
  }
}

describe('parseSettings', () => {
  const defaults = parseSettings(null);

  it('has defaults within their own bounds', () => {
    expect(defaults).toMatchObject({ language: 'auto', theme: 'system', backend: 'auto', seed: null, model: null });
    expect(parseSettings(JSON.stringify(defaults))).toEqual(defaults);
  });

  it.each(['', 'not json', '[]', '3', 'null', '"x"'])('reads damaged settings as defaults: %s', (json) => {
    expect(parseSettings(json)).toEqual(defaults);
  });

  it('loses only the field that is wrong', () => {
    const read = parseSettings(
      JSON.stringify({ theme: 'dark', temperature: 9, topK: 3.5, seed: -1, maxTokens: 64, minP: 'x', unknown: 1 }),
    );
    expect(read).toEqual({ ...defaults, theme: 'dark', maxTokens: 64 });
  });
});

describe('Settings', () => {
  it('survives a reload', () => {
    const storage = new MemoryStorage();
    new Settings(storage).change({ theme: 'dark', seed: 42 });
    expect(new Settings(storage).values).toMatchObject({ theme: 'dark', seed: 42 });
  });

  it('works without storage', () => {
    const settings = new Settings(null);
    settings.change({ temperature: 0 });
    expect(settings.values.temperature).toBe(0);
  });

  it('keeps the model when everything else is reset', () => {
    const settings = new Settings(new MemoryStorage());
    settings.change({ model: 'phi', theme: 'dark' });
    settings.reset();
    expect(settings.values).toEqual({ ...parseSettings(null), model: 'phi' });
  });

  it('takes the fixed seed, or a new one for every reply', () => {
    const settings = new Settings(null);
    expect(
      new Set([settings.sampling().seed, settings.sampling().seed, settings.sampling().seed]).size,
    ).toBeGreaterThan(1);
    settings.change({ seed: 5 });
    expect(settings.sampling().seed).toBe(5);
  });
});
