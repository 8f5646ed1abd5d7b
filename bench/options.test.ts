import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.ts';

describe('parseOptions', () => {
  it('chooses the peers that fit the backend', () => {
    expect(parseOptions([])).toMatchObject({
      backend: 'wasm',
      peers: ['ours', 'wllama', 'transformers.js'],
      rounds: 5,
      tokens: 128,
    });
    expect(parseOptions(['--backend', 'webnn'])?.peers).toEqual(['ours', 'padded-webnn', 'matmuls-webnn']);
    expect(parseOptions(['--backend', 'webgpu', '--peers', 'ours'])?.peers).toEqual(['ours']);
    expect(parseOptions([])?.minutes).toBeUndefined();
    expect(parseOptions(['--minutes', '12'])?.minutes).toBe(12);
  });

  it('names what it does not know', () => {
    expect(() => parseOptions(['--peers', 'ours,llama'])).toThrow(
      'The peer "llama" is unknown: choose from ours, wllama, transformers.js, padded-webnn, matmuls-webnn.',
    );
    expect(() => parseOptions(['--rounds', '0'])).toThrow('--rounds takes a whole number of at least 1, not "0".');
    expect(() => parseOptions(['--temperature', 'hot'])).toThrow(
      '--temperature takes a number from 0 to 2, not "hot".',
    );
    expect(() => parseOptions(['--colour'])).toThrow(/--colour/);
  });

  it('is null for --help', () => {
    expect(parseOptions(['--help'])).toBeNull();
  });
});
