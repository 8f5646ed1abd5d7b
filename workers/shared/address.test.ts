import { describe, expect, it } from 'vitest';
import { parseAddress } from './address.ts';
import { PhiError } from './errors.ts';

const HUB = 'https://hub.test/mirror';
const HF = 'https://huggingface.co';
const repo = (repo: string, more: object = {}, base = HF) => ({
  kind: 'repo',
  base,
  repo,
  revision: 'main',
  path: '',
  ...more,
});

describe('an address as people copy it', () => {
  it.each<[string, object]>([
    [
      `${HF}/microsoft/Phi-4-mini-instruct/tree/refs%2Fpr%2F12`,
      repo('microsoft/Phi-4-mini-instruct', { revision: 'refs/pr/12' }),
    ],
    [
      `${HF}/microsoft/Phi-4/tree/refs%2Fpr%2F12/gpu%2Fint4`,
      repo('microsoft/Phi-4', { revision: 'refs/pr/12', path: 'gpu/int4' }),
    ],
    [`${HF}/microsoft/Phi-4/tree/refs/pr/12/gpu/`, repo('microsoft/Phi-4', { revision: 'refs/pr/12', path: 'gpu' })],
    [`${HF}/a/b/tree/refs%2Fconvert%2Fonnx`, repo('a/b', { revision: 'refs/convert/onnx' })],
    [`${HF}/a/b/tree/feature%2Fnew`, repo('a/b', { revision: 'feature/new' })],
    [`${HF}/a/b/commit/0123abcd`, repo('a/b', { revision: '0123abcd' })],
    [`${HF}/a/b/commits/main`, repo('a/b')],
    [`${HF}/a/b/discussions/3`, repo('a/b')],
    [`${HF}/a/b.git`, repo('a/b')],
    [
      'hf.co/unsloth/Phi-4-mini-instruct-GGUF:q4_k_m',
      repo('unsloth/Phi-4-mini-instruct-GGUF', { quantisation: 'q4_k_m' }),
    ],
    ['https://hf.co/a/b:UD-Q4_K_XL', repo('a/b', { quantisation: 'UD-Q4_K_XL' })],
    [
      'unsloth/Phi-4-mini-instruct-GGUF:q4_k_m',
      repo('unsloth/Phi-4-mini-instruct-GGUF', { quantisation: 'q4_k_m' }, HUB),
    ],
    ['a/b:latest', repo('a/b', {}, HUB)],
    ['ollama run hf.co/a/b:Q8_0', repo('a/b', { quantisation: 'Q8_0' })],
    ['git clone https://huggingface.co/a/b', repo('a/b')],
    ['huggingface.co/a/b', repo('a/b')],
    ['HuggingFace.co/a/b/', repo('a/b')],
    ['www.huggingface.co/a/b', repo('a/b')],
    ['http://huggingface.co/a/b', repo('a/b')],
    ['hf://a/b', repo('a/b', {}, HUB)],
    [`${HF}/a/b///`, repo('a/b')],
    [`${HF}//a/b/`, repo('a/b')],
    [`${HF}/a/b?library=gguf&x=%zz#files`, repo('a/b')],
    [`${HF}/a/b/blob/main/m.gguf?download=true`, repo('a/b', { path: 'm.gguf' })],
    [`${HF}/a/b/tree/main/`, repo('a/b')],
    ['a/b/', repo('a/b', {}, HUB)],
    ['a/b?x=1', repo('a/b', {}, HUB)],
    ['a/b/tree/v1/gpu', repo('a/b', { revision: 'v1', path: 'gpu' }, HUB)],
    ['"a/b"', repo('a/b', {}, HUB)],
    ['<https://huggingface.co/a/b>', repo('a/b')],
    ['hub.test/mirror/a/b', repo('a/b', {}, HUB)],
    ['$ ollama run hf.co/a/b:Q8_0 --verbose', repo('a/b', { quantisation: 'Q8_0' })],
    ['ollama pull hf.co/a/b:b-Q4_K_M.gguf', repo('a/b', { path: 'b-Q4_K_M.gguf' })],
    ['llama-server -hf a/b:Q4_K_M -c 4096', repo('a/b', { quantisation: 'Q4_K_M' }, HUB)],
    ['llama-cli --hf-repo a/b', repo('a/b', {}, HUB)],
    ['hf download a/b onnx/model.onnx --local-dir .', repo('a/b', { path: 'onnx/model.onnx' }, HUB)],
    ['huggingface-cli download a/b --include "gpu/*" --local-dir .', repo('a/b', {}, HUB)],
    ['git lfs clone https://huggingface.co/a/b dir', repo('a/b')],
    ['docker model run hf.co/a/b', repo('a/b')],
    ['vllm serve "a/b"', repo('a/b', {}, HUB)],
    ['python -m mlx_lm.generate --model a/b --prompt "hello"', repo('a/b', {}, HUB)],
    ['curl -L -o m.gguf https://example.org/m.gguf', { kind: 'file', url: 'https://example.org/m.gguf' }],
    ['[b](https://huggingface.co/a/b)', repo('a/b')],
    ["AutoModelForCausalLM.from_pretrained('a/b', device_map='auto')", repo('a/b', {}, HUB)],
    ['https://huggingface.co/a/b。', repo('a/b')],
    ['「https://huggingface.co/a/b」', repo('a/b')],
    ['a/b.', repo('a/b', {}, HUB)],
    ['a/\u200bb\u200b', repo('a/b', {}, HUB)],
    [`${HF}/a/b/resolve/main/m.gguf?download=true.`, repo('a/b', { path: 'm.gguf' })],
    ['localhost:8000/m.gguf', { kind: 'file', url: 'http://localhost:8000/m.gguf' }],
    ['192.168.1.7:8000/models/m.gguf', { kind: 'file', url: 'http://192.168.1.7:8000/models/m.gguf' }],
    ['files.example.org/m.gguf?key=a%2Fb', { kind: 'file', url: 'https://files.example.org/m.gguf?key=a%2Fb' }],
    ['https://example.org/a%20b.gguf/', { kind: 'file', url: 'https://example.org/a%20b.gguf/' }],
  ])('%s', (text, expected) => {
    expect(parseAddress(text, HUB)).toEqual(expected);
    expect(parseAddress(`  ${text}\n`, HUB)).toEqual(expected);
  });

  it.each<[string, RegExp]>([
    [`${HF}/a/b/tree/main/%zz`, /broken escape "%zz"/],
    [`${HF}/a%zz/b`, /broken escape "%zz"/],
    [`${HF}/a/b/tree/%E3%81`, /broken escape/],
    ['https://example.org/%zz.gguf', /broken escape "%zz"/],
    ['a/b%', /broken escape "%"/],
    [`${HF}/datasets/a/b`, /not a model's page/],
    [`${HF}/spaces/a/b`, /not a model's page/],
    [`${HF}/a/b/tree/main/..%2F..%2Fx`, /must be a repository/],
    [`${HF}/a/b/tree/..%2Fx`, /must be a repository/],
    [`${HF}/a/b/tree/main/x%00y`, /must be a repository/],
    [`${HF}/a/b/tree/main%3Fx/y`, /must be a repository/],
    [`${HF}/a/b:Q4/tree/main`, /must be a repository/],
    ['a/b c', /must be a repository/],
    ['ollama run phi4-mini', /must be a repository/],
    ['hf download a/b ../../x.gguf', /must be a repository/],
    ['a/b:', /must be a repository/],
    ['a/b:../x', /must be a repository/],
    ['javascript:alert(1)//a/b', /must be a repository/],
    ['%2e%2e/x', /must be a repository/],
  ])('refuses %s in words', (text, message) => {
    let error: unknown;
    try {
      parseAddress(text, HUB);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(PhiError);
    expect(error).toMatchObject({ code: 'bad-request', message: expect.stringMatching(message) as string });
  });
});
