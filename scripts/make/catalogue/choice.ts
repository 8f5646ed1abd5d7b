/** Which of the collected facts the catalogue offers, and what they are called there. */

interface Base {
  /** Id of the facts' variant record. */
  fact: string;
  /** Last part of the variant's id in the catalogue. */
  id: string;
  /** Year and month of the weights, if the repository's name does not show them. */
  edition?: string;
  /** Sizes and hashes of the facts come from different sources: the size is then taken as rounded. */
  inexact?: boolean;
}

export type Source =
  | (Base & { format: 'gguf'; /** Name, path, bits. */ quants: [string, string, number][] })
  | (Base & {
      format: 'onnx-genai' | 'onnx-web' | 'safetensors';
      target: 'cpu' | 'webgpu' | 'directml' | 'web' | 'any';
      quant: string;
      bits: number;
      /** Bytes of the folder, rounded, where the facts have it in words only. */ about?: number;
    });

export interface Model {
  id: string;
  fact: string;
  name: string;
  /** Order in which models are recommended. */
  rank: number;
  reasoning?: boolean;
  sources: Source[];
}

/** Quantisations that workers/weights reads, of a repository that names its files `${prefix}${quant}.gguf`. */
const gguf = (prefix: string, quants: string[]): [string, string, number][] =>
  quants.map((quant) => [quant.toUpperCase(), `${prefix}${quant}.gguf`, Number(/\d+/.exec(quant)![0])]);

/** Sizes of a README that gives them in GB, for files that follow the repository's naming. */
const readme = (prefix: string, sizes: [string, string][]) =>
  sizes.map(([quant, size]) => ({
    path: `${prefix}${quant}.gguf`,
    bytes: 'unknown' as const,
    sha256: 'unknown' as const,
    size_text: `${size} GB`,
  }));

export const ASSUMED_FILES: Record<string, ReturnType<typeof readme>> = {
  'phi-3.5-mini/gguf-bartowski': readme('Phi-3.5-mini-instruct-', [
    ['Q3_K_M', '1.96'],
    ['Q4_0', '2.18'],
    ['Q4_K_S', '2.19'],
    ['Q6_K', '3.14'],
    ['Q8_0', '4.06'],
  ]),
};

const QUANTS_4_MINI = [
  'Q2_K',
  'Q2_K_L',
  'Q3_K_S',
  'Q3_K_M',
  'Q3_K_L',
  'Q3_K_XL',
  'IQ4_XS',
  'IQ4_NL',
  'Q4_0',
  'Q4_1',
  'Q4_K_S',
  'Q4_K_M',
  'Q4_K_L',
];
const QUANTS_4_MINI_FINE = ['Q5_K_S', 'Q5_K_M', 'Q5_K_L', 'Q6_K', 'Q6_K_L', 'Q8_0'];

const RTN = 'int4 RTN, block 32';
const AWQ = 'int4 AWQ, block 128';
/** One source for each of a repository's files that were uploaded in commits of their own. */
const ggufCommits = (fact: string, prefix: string, quants: string[]): Source[] =>
  quants.map((quant) => ({
    fact: `${fact}/gguf-${quant.toLowerCase()}`,
    id: 'gguf',
    format: 'gguf',
    quants: gguf(prefix, [quant]),
  }));
const safetensors = (fact: string): Source => ({
  fact,
  id: 'safetensors',
  format: 'safetensors',
  target: 'any',
  quant: 'bfloat16',
  bits: 16,
});

const genai = (fact: string, id: string, target: 'cpu' | 'webgpu' | 'directml'): Source => ({
  fact,
  id,
  format: 'onnx-genai',
  target,
  quant: RTN,
  bits: 4,
});
const ggufs = (fact: string, id: string, prefix: string, quants: string[]): Source => ({
  fact,
  id,
  format: 'gguf',
  quants: gguf(prefix, quants),
});

export const MODELS: Model[] = [
  {
    id: 'phi-4-mini-instruct',
    fact: 'Phi-4-mini-instruct',
    name: 'Phi-4-mini-instruct',
    rank: 1,
    sources: [
      ggufs('phi-4-mini-instruct/gguf-bartowski', 'gguf', 'microsoft_Phi-4-mini-instruct-', [
        ...QUANTS_4_MINI,
        ...QUANTS_4_MINI_FINE,
      ]),
      genai('phi-4-mini-instruct/onnx-cpu-int4', 'onnx-cpu', 'cpu'),
      genai('phi-4-mini-instruct/onnx-gpu-int4', 'onnx-gpu', 'webgpu'),
      {
        fact: 'phi-4-mini-instruct/onnx-community-gqa',
        id: 'onnx-web-gqa',
        format: 'onnx-web',
        target: 'web',
        quant: 'q4f16',
        bits: 4,
      },
      {
        fact: 'phi-4-mini-instruct/onnx-community-web-q4f16',
        id: 'onnx-web',
        format: 'onnx-web',
        target: 'web',
        quant: 'q4f16',
        bits: 4,
      },
      {
        fact: 'phi-4-mini-instruct/webnn-tjs',
        id: 'onnx-webnn',
        format: 'onnx-web',
        target: 'web',
        quant: 'q4f16',
        bits: 4,
      },
      safetensors('phi-4-mini-instruct/safetensors'),
    ],
  },
  {
    id: 'phi-4-mini-reasoning',
    fact: 'Phi-4-mini-reasoning',
    name: 'Phi-4-mini-reasoning',
    rank: 4,
    reasoning: true,
    sources: [
      ggufs('phi-4-mini-reasoning/gguf-bartowski', 'gguf', 'microsoft_Phi-4-mini-reasoning-', ['Q4_K_M']),
      ggufs('phi-4-mini-reasoning/gguf-unsloth', 'gguf-unsloth', 'Phi-4-mini-reasoning-', ['Q4_0']),
      genai('phi-4-mini-reasoning/onnx-cpu-int4', 'onnx-cpu', 'cpu'),
      {
        fact: 'phi-4-mini-reasoning/onnx-gpu-int4',
        id: 'onnx-gpu',
        format: 'onnx-genai',
        target: 'webgpu',
        quant: RTN,
        bits: 4,
        about: 3.44e9,
      },
      safetensors('phi-4-mini-reasoning/safetensors'),
    ],
  },
  {
    id: 'phi-3.5-mini-instruct',
    fact: 'Phi-3.5-mini-instruct',
    name: 'Phi-3.5-mini-instruct',
    rank: 2,
    sources: [
      ggufs('phi-3.5-mini/gguf-bartowski', 'gguf', 'Phi-3.5-mini-instruct-', [
        'Q3_K_M',
        'Q4_0',
        'Q4_K_S',
        'Q4_K_M',
        'Q5_K_M',
        'Q6_K',
        'Q8_0',
      ]),
      { fact: 'phi-3.5-mini/onnx-cpu-int4', id: 'onnx-cpu', format: 'onnx-genai', target: 'cpu', quant: AWQ, bits: 4 },
      {
        fact: 'phi-3.5-mini/onnx-gpu-int4',
        id: 'onnx-gpu',
        format: 'onnx-genai',
        target: 'webgpu',
        quant: AWQ,
        bits: 4,
      },
      {
        fact: 'phi-3.5-mini/onnx-web-q4f16',
        id: 'onnx-web',
        format: 'onnx-web',
        target: 'web',
        quant: 'q4f16',
        bits: 4,
      },
      safetensors('phi-3.5-mini/safetensors'),
    ],
  },
  {
    id: 'phi-3-mini-4k-instruct',
    fact: 'Phi-3-mini-4k-instruct',
    name: 'Phi-3-mini-4k-instruct',
    rank: 3,
    sources: [
      {
        fact: 'phi-3-mini-4k/gguf-microsoft',
        id: 'gguf',
        format: 'gguf',
        edition: '2024-04',
        quants: [
          ['Q4_K_M', 'Phi-3-mini-4k-instruct-q4.gguf', 4],
          ['F16', 'Phi-3-mini-4k-instruct-fp16.gguf', 16],
        ],
      },
      {
        fact: 'phi-3-mini-4k/gguf-3.1',
        id: 'gguf-june',
        format: 'gguf',
        edition: '2024-06',
        quants: gguf('Phi-3.1-mini-4k-instruct-', ['Q4_K_M']),
      },
      { fact: 'phi-3-mini-4k/onnx-cpu-int4', id: 'onnx-cpu', format: 'onnx-genai', target: 'cpu', quant: RTN, bits: 4 },
      {
        fact: 'phi-3-mini-4k/onnx-dml-int4',
        id: 'onnx-directml',
        format: 'onnx-genai',
        target: 'directml',
        quant: AWQ,
        bits: 4,
      },
      { fact: 'phi-3-mini-4k/onnx-web-q4', id: 'onnx-web-q4', format: 'onnx-web', target: 'web', quant: 'q4', bits: 4 },
      {
        fact: 'phi-3-mini-4k/onnx-web-q4f16',
        id: 'onnx-web',
        format: 'onnx-web',
        target: 'web',
        quant: 'q4f16',
        bits: 4,
      },
      {
        fact: 'phi-3-mini-4k/onnx-community-q4f16',
        id: 'onnx-community',
        format: 'onnx-web',
        target: 'web',
        quant: 'q4f16',
        bits: 4,
      },
      safetensors('phi-3-mini-4k/safetensors'),
    ],
  },
  {
    id: 'phi-3-mini-128k-instruct',
    fact: 'Phi-3-mini-128k-instruct',
    name: 'Phi-3-mini-128k-instruct',
    rank: 3,
    sources: [
      {
        fact: 'phi-3-mini-128k/gguf-bartowski',
        id: 'gguf',
        format: 'gguf',
        edition: '2024-06',
        quants: gguf('Phi-3.1-mini-128k-instruct-', ['Q4_K_M']),
      },
      {
        fact: 'phi-3-mini-128k/gguf-gpt4all-community',
        id: 'gguf-gpt4all',
        format: 'gguf',
        edition: '2024-06',
        quants: gguf('Phi-3.1-mini-128k-instruct-', ['Q4_0']),
      },
      {
        fact: 'phi-3-mini-128k/onnx-cpu-int4@june2024',
        id: 'onnx-cpu',
        format: 'onnx-genai',
        target: 'cpu',
        quant: RTN,
        bits: 4,
        edition: '2024-06',
      },
      safetensors('phi-3-mini-128k/safetensors'),
    ],
  },
  {
    id: 'phi-4',
    fact: 'Phi-4',
    name: 'Phi-4 (14B)',
    rank: 5,
    sources: [
      ggufs('phi-4/gguf-bartowski', 'gguf', 'phi-4-', ['Q3_K_M', 'Q4_0', 'Q4_K_M', 'Q5_K_M', 'Q6_K', 'Q8_0', 'f16']),
      { fact: 'phi-4/gguf-microsoft', id: 'gguf-microsoft', format: 'gguf', quants: gguf('phi-4-', ['Q4_K']) },
      {
        fact: 'phi-4/gguf-unsloth',
        id: 'gguf-unsloth',
        format: 'gguf',
        quants: gguf('phi-4-', ['Q4_K_M']),
        inexact: true,
      },
      { fact: 'phi-4/onnx-cpu-int4', id: 'onnx-cpu', format: 'onnx-genai', target: 'cpu', quant: RTN, bits: 4 },
      { fact: 'phi-4/onnx-gpu-int4', id: 'onnx-gpu', format: 'onnx-genai', target: 'webgpu', quant: RTN, bits: 4 },
      safetensors('phi-4/safetensors'),
    ],
  },
  {
    id: 'phi-tiny-moe-instruct',
    fact: 'Phi-tiny-MoE-instruct',
    name: 'Phi-tiny-MoE-instruct (3.8B, 1.1B active)',
    rank: 4,
    sources: [
      ggufs('phi-tiny-moe-instruct/gguf-q8_0', 'gguf', 'Phi-tiny-MoE-instruct-', ['Q8_0']),
      safetensors('phi-tiny-moe-instruct/safetensors'),
    ],
  },
  {
    id: 'phi-mini-moe-instruct',
    fact: 'Phi-mini-MoE-instruct',
    name: 'Phi-mini-MoE-instruct (7.6B, 2.4B active)',
    rank: 5,
    sources: ggufCommits('phi-mini-moe-instruct', 'Phi-mini-MoE-instruct-', ['Q4_K_S', 'Q4_K_M']),
  },
  {
    id: 'phi-4-reasoning',
    fact: 'Phi-4-reasoning',
    name: 'Phi-4-reasoning (14B)',
    rank: 6,
    reasoning: true,
    sources: [
      ggufs('phi-4-reasoning/gguf-bartowski', 'gguf', 'microsoft_Phi-4-reasoning-', ['Q4_K_M']),
      ggufs('phi-4-reasoning/gguf-unsloth', 'gguf-unsloth', 'phi-4-reasoning-', ['Q4_K_M']),
      genai('phi-4-reasoning/onnx-cpu-int4', 'onnx-cpu', 'cpu'),
      genai('phi-4-reasoning/onnx-gpu-int4', 'onnx-gpu', 'webgpu'),
    ],
  },
  {
    id: 'phi-4-reasoning-plus',
    fact: 'Phi-4-reasoning-plus',
    name: 'Phi-4-reasoning-plus (14B)',
    rank: 6,
    reasoning: true,
    sources: [
      {
        fact: 'phi-4-reasoning-plus/gguf-bartowski',
        id: 'gguf',
        format: 'gguf',
        quants: gguf('microsoft_Phi-4-reasoning-plus-', ['Q4_K_M']),
        inexact: true,
      },
    ],
  },
  {
    id: 'phi-3-medium-4k-instruct',
    fact: 'Phi-3-medium-4k-instruct',
    name: 'Phi-3-medium-4k-instruct (14B)',
    rank: 7,
    sources: [
      ...ggufCommits('phi-3-medium-4k', 'Phi-3-medium-4k-instruct-', ['Q3_K_M', 'IQ4_XS', 'Q4_K_M', 'Q6_K']),
      genai('phi-3-medium-4k/onnx-cpu-int4', 'onnx-cpu', 'cpu'),
    ],
  },
  {
    id: 'phi-3-medium-128k-instruct',
    fact: 'Phi-3-medium-128k-instruct',
    name: 'Phi-3-medium-128k-instruct (14B)',
    rank: 7,
    sources: ggufCommits('phi-3-medium-128k', 'Phi-3-medium-128k-instruct-', ['Q3_K_M', 'Q4_K_S', 'Q4_K_M', 'Q5_K_M']),
  },
];
