/** Opens whatever model lies at the top level of a folder. */
import { PhiError } from '../../shared/errors.ts';
import type { ModelFiles } from '../../store/bytes.ts';
import { openGguf } from './gguf/gguf.ts';
import { ollamaLicence, type OllamaModel } from './gguf/ollama.ts';
import { isGguf } from './gguf/sniff.ts';
import { otherParts } from './kinds.ts';
import { findModels, listModels, type FoundModel } from './recognise.ts';
import { findStandIn, whyNoModel } from './stand-ins.ts';
import type { Checkpoint, OpenOptions } from './types.ts';

/**
 * Opens the one model among `files`: a GGUF (whole or split), ONNX, OpenVINO or safetensors folder, or a single file.
 * Several models are a `bad-request` that lists them, none an `unsupported-model` that says what was found and what is accepted.
 */
export async function openCheckpoint(files: ModelFiles, options?: OpenOptions): Promise<Checkpoint> {
  const models = await findModels(files);
  const [model] = models;
  if (!model) throw await nothingKnown(files);
  if (models.length > 1) {
    throw new PhiError(
      'bad-request',
      `There are ${models.length} models here: ${listModels(models)}. Choose one of them, or a folder that holds only one.`,
      {
        models: models.length,
      },
    );
  }
  try {
    return await openFound(files, model, options);
  } catch (cause) {
    // A file that is not what its name says explains every error that comes of reading it.
    const damaged = cause instanceof PhiError && cause.code === 'bad-model';
    const why = damaged ? await findStandIn(files, new Set([...model.paths, ...files.keys()])) : null;
    throw why ? new PhiError('bad-model', why, undefined, { cause }) : cause;
  }
}

async function openFound(files: ModelFiles, model: FoundModel, options?: OpenOptions): Promise<Checkpoint> {
  if (model.ollama) return openOllama(files, model.ollama);
  const first = files.get(model.paths[0] ?? '');
  switch (first && (await isGguf(first)) ? 'gguf' : model.format) {
    case 'gguf':
      return openGguf(
        model.paths.map((path) => files.get(path)!),
        options,
      );
    case 'safetensors':
      return (await import('./safetensors/safetensors.ts')).openSafetensors(files);
    case 'onnx':
      return (await import('./onnx/onnx.ts')).openOnnx(files);
    case 'openvino':
      return (await import('./openvino/openvino.ts')).openOpenVino(files);
  }
}

async function openOllama(files: ModelFiles, model: OllamaModel): Promise<Checkpoint> {
  if (model.error) throw model.error;
  const checkpoint = await openGguf([files.get(model.paths[0]!)!]);
  if (model.name) checkpoint.config.name = model.name;
  const licence = await ollamaLicence(files, model);
  if (licence) checkpoint.notes.push(`Licence in the Ollama manifest: ${licence.title}`);
  if (model.template && checkpoint.chatTemplate === null)
    checkpoint.notes.push(
      "The GGUF has no chat template. Ollama's own template is in Go's template language, which this app does not read. It uses the chat format of the model's family instead.",
    );
  return checkpoint;
}

const ACCEPTED =
  'A GGUF file (all parts of a split one), ONNX (genai_config.json with its .onnx, or onnx/model*.onnx), OpenVINO (openvino_model.xml), safetensors or MLX (config.json with *.safetensors) are accepted';

/** The error for a folder without a model. */
export async function nothingKnown(files: ModelFiles): Promise<PhiError> {
  const paths = [...files.keys()].sort();
  if (paths.length === 0) return new PhiError('bad-request', `No files were given. ${ACCEPTED}.`);
  const folders = [
    ...new Set(paths.filter((path) => path.includes('/')).map((path) => path.slice(0, path.lastIndexOf('/')))),
  ];
  const below: string[] = [];
  for (const folder of folders) if ((await findModels(inFolder(files, folder))).length > 0) below.push(folder);
  if (below.length > 0)
    return new PhiError(
      'bad-request',
      `This folder itself holds no model, but ${some(below)} does. Choose that folder.`,
    );
  const part = otherParts(paths);
  if (part)
    return new PhiError(
      'unsupported-model',
      `${part.path} belongs to ${part.what}. This app runs text models only. ${ACCEPTED}.`,
      { kind: part.what },
    );
  const why = whyNoModel(paths) ?? (await findStandIn(files, paths));
  if (why) return new PhiError('unsupported-model', `${why} ${ACCEPTED}.`, { files: paths.length });
  return new PhiError('unsupported-model', `No model was recognised in ${some(paths)}. ${ACCEPTED}.`, {
    files: paths.length,
  });
}

/** The files of a folder, by their path inside it. */
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
