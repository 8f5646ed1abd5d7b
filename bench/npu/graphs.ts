/** Writes the engine's own WebNN graph, with the weights that it would be handed, where a compiler can read it. */
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WebnnDialect } from '../../workers/engine/webnn/cache-layout.ts';
import { webnnGraph, type WebnnShape } from '../../workers/engine/webnn/graph.ts';
import { WEBNN_FORM_VERSION } from '../../workers/engine/webnn/cache-name.ts';
import { graphGroups, webnnPlan, type WebnnPlan } from '../../workers/engine/webnn/weights.ts';
import type { Calibration } from '../../workers/engine/webnn/calibration.ts';
import type { WeightFormat } from '../../workers/shared/protocol.ts';
import { materialise } from '../../workers/engine/weights/plan.ts';
import type { LabModel } from './models.ts';
import { cacheFolder } from './packages.ts';

/** Weights of one model in one form, on the disk; several graphs refer to them. */
export interface LabWeights {
  model: LabModel;
  plan: WebnnPlan;
  folder: string;
}

/** Makes the weights once; a later call finds them. */
export async function labWeights(
  model: LabModel,
  form: WeightFormat,
  dialect: WebnnDialect,
  calibration: Calibration | null = null,
): Promise<LabWeights> {
  const plan = webnnPlan(model.checkpoint, form, calibration, dialect);
  const made = `${model.name}-${dialect}-${form}${calibration ? '-compensated' : ''}-${WEBNN_FORM_VERSION}`;
  const folder = join(cacheFolder(), 'graphs', made);
  await mkdir(folder, { recursive: true });
  const groups = graphGroups(plan, model);
  // Calibration reads the whole network: of weights that it rounds, all are made or none.
  const again = calibration !== null && groups.some(({ location }) => !existsSync(join(folder, location)));
  for (const group of groups) {
    const path = join(folder, group.location);
    if (existsSync(path) && !again) continue;
    await writeFile(`${path}.part`, await materialise(group));
    await rename(`${path}.part`, path);
  }
  return { model, plan, folder };
}

/** Writes the ONNX of one shape beside its weights; returns its path. */
export async function writeGraph({ model, plan, folder }: LabWeights, shape: WebnnShape): Promise<string> {
  const { model: bytes } = webnnGraph(model.checkpoint.config, plan, shape);
  const path = join(
    folder,
    `w${shape.width}-s${shape.slots}-v${shape.visible}-r${shape.recent}-${shape.head ? 'head' : 'body'}-${shape.weights}-${shape.scales}.onnx`,
  );
  await writeFile(path, bytes);
  return path;
}
