/** A model's files opened: what they say, without any backend. */
import { span } from '../shared/span.ts';
import type { TellTextWork } from '../shared/text-work.ts';
import type { ModelFiles } from '../store/bytes.ts';
import { readAhead } from '../store/read-ahead.ts';
import { openCheckpoint } from './checkpoint/open.ts';
import type { Checkpoint, OpenOptions, PhiConfig } from './checkpoint/types.ts';
import { createConversation, type Conversation } from './tokenizer/conversation.ts';
import { createTokenizer } from './tokenizer/tokenizer.ts';
import type { Tokenizer } from './tokenizer/types.ts';
import { webgpuForms } from './webgpu/weights.ts';

/** Facts from the files, independent of a backend. */
export interface ModelHeader {
  readonly config: PhiConfig;
  /** Throws `bad-model` or `unsupported-model` where the tokenizer cannot be read. */
  readonly tokenizer: Tokenizer;
  /** As for `tokenizer`. */
  readonly conversation: Conversation;
  /** Formats of weights that WebGPU takes for this file, best first. */
  readonly webgpuForms: ReturnType<typeof webgpuForms>;
}

export class Header implements ModelHeader {
  readonly checkpoint: Checkpoint;
  #conversation: Conversation | undefined;

  readonly #textWork: TellTextWork | undefined;

  constructor(checkpoint: Checkpoint, textWork?: TellTextWork) {
    this.checkpoint = checkpoint;
    this.#textWork = textWork;
  }

  get config(): PhiConfig {
    return this.checkpoint.config;
  }

  get tokenizer(): Tokenizer {
    return this.conversation.tokenizer;
  }

  /** Made when it is first needed: logits of token ids need no tokenizer. */
  get conversation(): Conversation {
    return (this.#conversation ??= createConversation(
      createTokenizer(this.checkpoint.tokenizer),
      this.checkpoint,
      this.#textWork,
    ));
  }

  get webgpuForms(): ModelHeader['webgpuForms'] {
    return webgpuForms(this.checkpoint);
  }
}

/** Weights are read from one end of a tensor to the other, in small tiles. */
const READ_AHEAD = { mostBlocks: 8, onlySequential: true };
const MIB = 2 ** 20;

/** A block of a file that is still arriving waits for its last byte, so it is a small part of the file. */
const blockBytesOf = (fileBytes: number): number => MIB * Math.min(4, Math.max(1, Math.floor(fileBytes / (16 * MIB))));

const inBlocks = (files: ModelFiles): ModelFiles =>
  new Map(
    [...files].map(([path, file]) => {
      const ahead = readAhead(file, { ...READ_AHEAD, blockBytes: blockBytesOf(file.size) });
      return [path, { ...ahead, blob: file.blob.bind(file) }];
    }),
  );

/** Rejects as `openCheckpoint` does. */
export async function openHeader(files: ModelFiles, textWork?: TellTextWork, options?: OpenOptions): Promise<Header> {
  return new Header(await span('checkpoint', () => openCheckpoint(inBlocks(files), options)), textWork);
}
