import { describe, expect, it } from 'vitest';
import { DEFAULT_TOLERANCE, parseAllOptions, parseOptions } from './options.ts';

const parse = (line: string): ReturnType<typeof parseOptions> => parseOptions(line.split(' '));

describe('parseOptions', () => {
  it('has defaults', () => {
    expect(parse('--model m --cases c')).toMatchObject({
      backend: 'wasm',
      form: 'auto',
      tolerance: DEFAULT_TOLERANCE,
      browserArgs: [],
    });
    expect(parse('--help')).toBeNull();
  });

  it('reads everything', () => {
    const line =
      '--model m --text t --backend webnn --form int8 --device npu --tolerance 0 --context 64 --threads 2 --browser b --browser-arg=--x --json j';
    expect(parse(line)).toEqual({
      model: 'm',
      cases: undefined,
      text: 't',
      schema: undefined,
      tools: undefined,
      tokens: 256,
      backend: 'webnn',
      form: 'int8',
      device: 'npu',
      tolerance: 0,
      contextLength: 64,
      threads: 2,
      calibrate: false,
      browser: 'b',
      browserArgs: ['--x'],
      json: 'j',
    });
  });

  it.each([
    ['--cases c', '--model'],
    ['--model m', 'nothing to check'],
    ['--model m --text t --backend cuda', 'wasm'],
    ['--model m --text t --form int3', 'float32'],
    ['--model m --text t --tolerance x', '--tolerance x'],
    ['--model m --text t --tolerance -1', '--tolerance'],
    ['--model m --text t --context 1.5', '--context'],
    ['--model m --text t --wat', '--wat'],
  ])('refuses %s', (line, message) => {
    expect(() => parse(line)).toThrow(message);
  });
});

describe('parseAllOptions', () => {
  const parse = (line: string) => parseAllOptions(line.split(' '));

  it('takes folders, and options wherever they stand', () => {
    expect(parse('a --backend webgpu b --prompts 5,100')).toMatchObject({
      folders: ['a', 'b'],
      backend: 'webgpu',
      prompts: [5, 100],
      seconds: 300,
    });
    expect(parse('a')).toMatchObject({ prompts: null, form: 'auto' });
    expect(parse('-h')).toBeNull();
  });

  it.each([
    ['--backend wasm', 'FOLDER'],
    ['a --prompts 5,x', '--prompts x'],
    ['a --backend cuda', '--backend cuda'],
    ['a --seconds 0', '--seconds 0'],
  ])('refuses %s', (line, message) => {
    expect(() => parse(line)).toThrow(message);
  });
});
