import { describe, expect, it } from 'vitest';
import { fillIn, MAX_PROMPTS, MAX_TEXT, mergePrompts, parsePrompts, variablesOf } from './prompts.ts';

const prompt = (id: string, name = 'Explain', text = 'Explain {{topic}}.') => ({ id, name, text });

describe('variables', () => {
  it('are found once each, in any script', () => {
    expect(variablesOf('{{topic}} for {{ reader }}, again {{topic}}; {{話題}}')).toEqual(['topic', 'reader', '話題']);
    expect(variablesOf('{topic} {{}} {{ }} {{a\nb}} {{a{b}}}')).toEqual([]);
  });

  it('are replaced literally; what has no value stays', () => {
    const values = new Map([['topic', '$& {{reader}}']]);
    expect(fillIn('About {{ topic }} for {{reader}}', values)).toBe('About $& {{reader}} for {{reader}}');
  });
});

describe('stored prompts', () => {
  it('are read without the damaged ones', () => {
    const sound = prompt('a');
    expect(parsePrompts([sound, null, { ...sound, id: '../x' }, prompt('b', ' '), prompt('c', 'x', '')])).toEqual([
      sound,
    ]);
    expect(parsePrompts([prompt('d', 'x', 'y'.repeat(MAX_TEXT + 1))])).toEqual([]);
    expect(parsePrompts('x')).toEqual([]);
    expect(parsePrompts(Array.from({ length: MAX_PROMPTS + 1 }, (_, i) => prompt(`${i}`)))).toHaveLength(MAX_PROMPTS);
  });

  it('take over imported ones once', () => {
    const own = [prompt('a')];
    expect(mergePrompts(own, [prompt('z')])).toEqual(own);
    const [, other] = mergePrompts(own, [prompt('a', 'Another')]);
    expect(other).toMatchObject({ name: 'Another', text: 'Explain {{topic}}.' });
    expect(other!.id).not.toBe('a');
  });
});
