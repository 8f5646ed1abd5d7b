import { describe, expect, it } from 'vitest';
import { filesOfInput, membersOf } from './dropped-files.ts';

/** What a file input gives for a chosen folder. */
const chosen = (...paths: string[]) =>
  paths.map((path) => ({ name: path.split('/').at(-1)!, webkitRelativePath: path })) as unknown as FileList;
const paths = (list: FileList) => filesOfInput(list).map(({ path }) => path);

describe('filesOfInput', () => {
  it('leaves out what belongs to tools', () => {
    expect(paths(chosen('phi/model.gguf', 'phi/.DS_Store', 'phi/.git/config', '.DS_Store'))).toEqual([
      'phi/model.gguf',
    ]);
  });

  it('keeps the files of a chosen folder that is hidden itself', () => {
    const blob = '.ollama/models/blobs/sha256-aa';
    expect(paths(chosen(blob, '.ollama/.history'))).toEqual([blob]);
    expect(membersOf(filesOfInput(chosen(blob)), [blob], '.ollama/models/').map(({ path }) => path)).toEqual([
      '.ollama/blobs/sha256-aa',
    ]);
  });

  it("puts the files of a model into a folder of the model's name", () => {
    const root = 'hub/models--microsoft--Phi-4-mini-instruct/snapshots/0123456789abcdef0123456789abcdef01234567/';
    const model = `${root}onnx/model.onnx`;
    expect(membersOf(filesOfInput(chosen(model)), [model], root)).toMatchObject([
      { path: 'Phi-4-mini-instruct/onnx/model.onnx' },
    ]);
    expect(membersOf(filesOfInput(chosen('a.gguf')), ['a.gguf'], '')).toMatchObject([{ path: 'a.gguf' }]);
  });

  it('takes no files for an empty list', () => {
    expect(filesOfInput(null)).toEqual([]);
  });
});
