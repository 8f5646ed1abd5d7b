/** In the GPU process: what float16 costs at each step of a model. */
import { openAsBlob } from 'node:fs';
import { expose } from 'comlink';
import type { ModelFile } from '../../../scripts/cli/evaluate/model-files.ts';
import { layerLosses, type LayerLosses, type LossRequest } from '../../../workers/engine/webgpu/testing/layer-loss.ts';
import { blobSource } from '../../../workers/store/bytes.ts';

const layers = {
  async losses(files: readonly ModelFile[], request: LossRequest): Promise<LayerLosses> {
    const sources = files.map(async ({ path, absolute }) => blobSource(path, await openAsBlob(absolute)));
    return layerLosses(new Map((await Promise.all(sources)).map((source) => [source.name, source])), request);
  },
};

export type Layers = typeof layers;
expose(layers);
