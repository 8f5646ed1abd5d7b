import type { InferenceSession } from 'onnxruntime-web';
import { expect, it } from 'vitest';
import { BlobFile } from './data-file.ts';
import { makeSession, type Ort, type SessionOptions } from './ort.ts';

it('gives ONNX Runtime Blobs whose streams end, and every other option as it was', async () => {
  let given: InferenceSession.SessionOptions = {};
  const ort = {
    InferenceSession: { create: (_: Uint8Array, options: object) => Promise.resolve((given = options)) },
  } as unknown as Ort;
  const array = new Uint8Array(3);
  let reads = 0;
  const options: SessionOptions = {
    externalData: [
      { path: 'a', data: new Blob(['abc']) },
      { path: 'b', data: array },
    ],
    get enableGraphCapture() {
      return ++reads === 1;
    },
  };
  await makeSession(ort, new Uint8Array(), options);
  expect(given.externalData).toEqual([
    { path: 'a', data: expect.any(BlobFile) as Blob },
    { path: 'b', data: array },
  ]);
  expect([given.enableGraphCapture, given.enableGraphCapture]).toEqual([true, false]);
});
