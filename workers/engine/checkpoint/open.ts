/** Opens whatever model lies at the top level of a folder. */
import { PhiError } from '../../shared/errors.ts';
import type { ModelFiles } from '../../store/bytes.ts';
import { openGguf } from './gguf/gguf.ts';
import { findModels, listModels } from './recognise.ts';
import type { Checkpoint } from './types.ts';

/**
 * Opens the one model among `files`: a GGUF (whole or split), ONNX, OpenVINO or safetensors folder, or a single file.
 * Several models are a `bad-request` that lists them, none an `unsupported-model` that says what was found and what is accepted.
 */
export async function openCheckpoint(files: ModelFiles): Promise<Checkpoint> {
  const models = findModels(files);
  const [model] = models;
  if (!model) throw nothingKnown(files);
  if (models.length > 1) {
    throw new PhiError(
      'bad-request',
      `There are ${models.length} models here: ${listModels(models)}. Choose one of them, or a folder that holds only one.`,
      {
        models: models.length,
      },
    );
  }
  switch (model.format) {
    case 'gguf':
      return openGguf(model.paths.map((path) => files.get(path)!));
    case 'safetensors':
      return (await import('./safetensors/safetensors.ts')).openSafetensors(files);
    case 'onnx':
      return (await import('./onnx/onnx.ts')).openOnnx(files);
    case 'openvino':
      return (await import('./openvino/openvino.ts')).openOpenVino(files);
  }
}

const ACCEPTED =
  'A GGUF file (all parts of a split one), ONNX (genai_config.json with its .onnx, or onnx/model*.onnx), OpenVINO (openvino_model.xml), safetensors or MLX (config.json with *.safetensors) are accepted';

/** What to say when no model was found. */
export function nothingKnown(files: ModelFiles): PhiError {
  const paths = [...files.keys()].sort();
  if (paths.length === 0) return new PhiError('bad-request', `No files were given. ${ACCEPTED}.`);
  const folders = [
    ...new Set(paths.filter((path) => path.includes('/')).map((path) => path.slice(0, path.lastIndexOf('/')))),
  ];
  const below = folders.filter((folder) => findModels(inFolder(files, folder)).length > 0);
  if (below.length > 0)
    return new PhiError(
      'bad-request',
      `No model lies in this folder itself, but in ${some(below)}: choose that folder.`,
    );
  return new PhiError('unsupported-model', `No model was recognised in ${some(paths)}. ${ACCEPTED}.`, {
    files: paths.length,
  });
}

/** What lies in a folder, by its path inside. */
export function inFolder(files: ModelFiles, folder: string): ModelFiles {
  return new Map(
    [...files]
      .filter(([path]) => path.startsWith(`${folder}/`))
      .map(([path, source]) => [path.slice(folder.length + 1), source]),
  );
}

/** The first few of a list, for a sentence. */
function some(names: string[]): string {
  return names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ');
}
