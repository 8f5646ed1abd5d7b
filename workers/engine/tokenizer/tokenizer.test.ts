import { describe, expect, it } from 'vitest';
import type { TokenizerSource } from '../checkpoint/types.ts';
import { type ReferenceCase, starterReference, TOKENIZERS, tokenizerReference } from './testing/references.ts';
import { CHATML_CONTROLS, tinyByteLevel, tinySentencePiece } from './testing/tiny.ts';
import { createTokenizer, type Tokenizer } from './tokenizer.ts';

/** Text that goes wrong in careless tokenizers. */
const TEXTS = [
  '',
  ' ',
  'a',
  'Hello world',
  '  two leading, two trailing  ',
  'tab\tnew\nline\r\nwindows\n\n\n\nend',
  ' '.repeat(37) + 'x' + '\t'.repeat(9),
  '🙂👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇫🇷 1️⃣',
  '日本語と中文、한국어。',
  'مرحبا بالعالم ١٢٣ שלום',
  'e\u0301 a\u0308 क्षि ไทย',
  '²½Ⅷ① ٣ 𝟘',
  "don't I'LL we'VE 'ſ",
  'null\0byte \u0085 \u200b \ufeff \u2028',
  '\ufeffbyte order mark',
  '<|end|> <s> </s> <unk> <0x0A> ▁ ▁▁',
  'x=1;\nfor(let i=0;i<10;i++){\n  x+=i;\n}',
];

const SOURCES = {
  'the starter from tokenizer.json': () => starterReference('tokenizer.json'),
  'the starter from its own GGUF': () => starterReference('gguf'),
  ...Object.fromEntries(
    TOKENIZERS.flatMap((name) => [
      [`${name} from tokenizer.json`, () => tokenizerReference(name, 'tokenizer.json')] as const,
      [`${name} from GGUF`, () => tokenizerReference(name, 'vocab.gguf')] as const,
    ]),
  ),
};
type SourceName = keyof typeof SOURCES | `${(typeof TOKENIZERS)[number]} from ${'tokenizer.json' | 'GGUF'}`;

/** Real vocabularies take a second each on a quiet machine: built once. */
const built = new Map<SourceName, { tokenizer: Tokenizer; cases: ReferenceCase[] }>();
async function real(name: SourceName) {
  const known = built.get(name);
  if (known) return known;
  const { source, cases } = await SOURCES[name as keyof typeof SOURCES]();
  const made = { tokenizer: createTokenizer(source), cases };
  built.set(name, made);
  return made;
}
const REAL_TIMEOUT_MS = 180_000;

describe('whole vocabularies', { timeout: REAL_TIMEOUT_MS }, () => {
  it.each(Object.keys(SOURCES) as SourceName[])('%s equals the reference and streams it', async (name) => {
    const { tokenizer, cases } = await real(name);
    expect(cases.length).toBeGreaterThan(5);
    for (const { text, ids } of cases)
      expect({ text, ids: tokenizer.encode(text, { special: true }) }).toEqual({ text, ids });

    for (const text of TEXTS) {
      const ids = tokenizer.encode(text);
      const expected = /^(phi-3|sentencepiece)/.test(name) ? text.replaceAll('▁', ' ') : text; // SentencePiece's mark is its space
      expect(tokenizer.decode(ids)).toBe(expected);
      const stream = tokenizer.streamDecoder();
      const pieces = ids.map((id) => stream.push(id));
      expect(pieces.join('') + stream.flush()).toBe(expected);
      expect(pieces.join('')).not.toContain('\ufffd');
      expect(ids.some((id) => tokenizer.isControl(id))).toBe(false);
    }
  });

  it.each(TOKENIZERS)('%s has the same vocabulary in both forms', async (name) => {
    const { tokenizer: fromJson } = await real(`${name} from tokenizer.json`);
    const { tokenizer: fromGguf } = await real(`${name} from GGUF`);
    expect(fromGguf.vocabSize).toBe(fromJson.vocabSize);
    for (let id = 0; id < fromJson.vocabSize; id++) {
      if (fromGguf.idToken(id) !== fromJson.idToken(id))
        expect([id, fromGguf.idToken(id)]).toEqual([id, fromJson.idToken(id)]);
      if (fromGguf.isControl(id) !== fromJson.isControl(id))
        expect([id, fromGguf.isControl(id)]).toEqual([id, fromJson.isControl(id)]);
    }
    for (const text of [
      '<|user|>\n x<|end|>\n\n<|assistant|>\n',
      '<|tool|> <|endoftext|>\n<|system|>\t\u0085y</s> z',
    ]) {
      expect(fromGguf.encode(text, { special: true })).toEqual(fromJson.encode(text, { special: true }));
    }
    expect([fromGguf.eos, fromGguf.bos]).toEqual([fromJson.eos, fromJson.bos]);
    expect(fromGguf.ends).toEqual(fromJson.ends);
  });

  it('names the ends of a reply', async () => {
    const { tokenizer: phi4 } = await real('byte-level from GGUF');
    expect(phi4.ends).toEqual([199999, 200020]); // the GGUF names only the first
    const { tokenizer: starter } = await real('the starter from its own GGUF');
    expect(starter.ends).toContain(2);
    expect(starter.tokenId('<|im_end|>')).toBe(2);
  });
});

describe('control tokens in text', () => {
  const tokenizer = createTokenizer(tinyByteLevel());
  const end = tokenizer.tokenId('<|end|>')!;

  it('are text unless asked for', () => {
    expect(tokenizer.encode('a<|end|>')).not.toContain(end);
    expect(tokenizer.decode(tokenizer.encode('a<|end|>'))).toBe('a<|end|>');
    expect(tokenizer.encode('a<|end|>', { special: true }).at(-1)).toBe(end);
    expect(tokenizer.controlTokens('<|user|>x<|end|>')).toEqual([tokenizer.tokenId('<|user|>'), end]);
    expect(tokenizer.controlStarts).toEqual(['<']);
  });

  it('are left out of decoded text unless asked for', () => {
    const ids = tokenizer.encode('<|user|>hi<|end|>', { special: true });
    expect(tokenizer.decode(ids)).toBe('hi');
    expect(tokenizer.decode(ids, { skipSpecial: false })).toBe('<|user|>hi<|end|>');
  });

  it('count as such when they only look it, as Phi-4-mini marks its tools', () => {
    const source = tinyByteLevel([], ['<|tool|>']) as { json: { added_tokens: { special: boolean }[] } };
    source.json.added_tokens[0]!.special = false;
    const tools = createTokenizer(source as unknown as TokenizerSource);
    expect(tools.isControl(tools.tokenId('<|tool|>')!)).toBe(true);
    expect(tools.encode('<|tool|>')).not.toContain(tools.tokenId('<|tool|>'));
  });

  it('that a file lists as ordinary tokens are found all the same', () => {
    const metadata = tinySentencePiece(['▁', 'a', '<|end|>'], []);
    const broken = createTokenizer({ kind: 'gguf', metadata });
    expect(broken.isControl(broken.tokenId('<|end|>')!)).toBe(true);
  });
});

describe('byte-level BPE', () => {
  it('merges by rank, not from the left', () => {
    const tokenizer = createTokenizer(
      tinyByteLevel([
        ['b', 'c'],
        ['a', 'b'],
      ]),
    );
    expect(tokenizer.encode('abc').map((id) => tokenizer.idToken(id))).toEqual(['a', 'bc']);
  });

  it('drops a byte without a token before it merges, as the reference does', () => {
    const vocab = { '!': 0, '?': 1, '!?': 2 };
    const tokenizer = createTokenizer(tinyByteLevel([], [], { model: { type: 'BPE', vocab, merges: ['! ?'] } }));
    expect(tokenizer.encode('!\x13?')).toEqual([2]);
  });

  it.each([['\ud83d'], ['a\udc00b'], ['\ud83d\ud83d\ude42']])('lone surrogates become U+FFFD: %j', (text) => {
    const tokenizer = createTokenizer(tinyByteLevel());
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.toWellFormed());
  });

  it('emits a character with its last token', () => {
    const tokenizer = createTokenizer(tinyByteLevel());
    const stream = tokenizer.streamDecoder();
    const pieces = tokenizer.encode('é🙂!').map((id) => stream.push(id));
    expect(pieces).toEqual(['', 'é', '', '', '', '🙂', '!']);
    expect(stream.flush()).toBe('');
  });

  it('flushes half a character as U+FFFD, and goes on after a broken one', () => {
    const tokenizer = createTokenizer(tinyByteLevel());
    const [first] = tokenizer.encode('é');
    const stream = tokenizer.streamDecoder();
    expect(stream.push(first!)).toBe('');
    expect(stream.push(tokenizer.encode('x')[0]!)).toBe('\ufffdx');
    expect(stream.push(first!)).toBe('');
    expect(stream.flush()).toBe('\ufffd');
  });

  it('keeps a character together over a control token that is left out', () => {
    const tokenizer = createTokenizer(tinyByteLevel());
    const [first, second] = tokenizer.encode('é');
    expect(tokenizer.decode([first!, tokenizer.tokenId('<|user|>')!, second!])).toBe('é');
  });

  it('ids past the vocabulary are no text', () => {
    const tokenizer = createTokenizer(tinyByteLevel());
    expect(tokenizer.decode([tokenizer.vocabSize, 99_999, -1])).toBe('');
    expect(tokenizer.idToken(99_999)).toBeUndefined();
  });

  it.each<[string, string[]]>([
    ['a', ['Ġ', 'a']],
    [' a', ['Ġ', 'a']],
    ['𝟘', ['Ġ', 'ð', 'Ŀ', 'Ł', 'ĺ']],
  ])('puts a space before %j where the file says so', (text, expected) => {
    const tokenizer = createTokenizer(
      tinyByteLevel([], [], { pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true } }),
    );
    expect(tokenizer.encode(text).map((id) => tokenizer.idToken(id))).toEqual(expected);
  });

  it.each([["'s"], ["'S"], ["'ſ"]])('takes %s for a suffix, long s and all', (suffix) => {
    const pattern = "(?i:'s|'t)|\\p{L}+|.";
    const merges: [string, string][] = [
      ["'", 's'],
      ["'", 'S'],
      ["'", 'Å'],
      ["'Å", '¿'],
    ];
    const pre = {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated' },
        { type: 'ByteLevel', use_regex: false },
      ],
    };
    expect(createTokenizer(tinyByteLevel(merges, [], { pre_tokenizer: pre })).encode(suffix)).toHaveLength(1);
  });

  it('splits digits of every script where the file says so', () => {
    const pre = {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { type: 'ByteLevel', add_prefix_space: false },
      ],
    };
    const merges: [string, string][] = [['1', '2']];
    expect(createTokenizer(tinyByteLevel(merges)).encode('12')).toHaveLength(1);
    expect(
      createTokenizer(tinyByteLevel(merges, [], { pre_tokenizer: pre, decoder: { type: 'ByteLevel' } })).encode('12'),
    ).toHaveLength(2);
  });
});

describe('SentencePiece', () => {
  const metadata = tinySentencePiece(['▁a', 'ab', '▁ab', '▁', 'a', 'b', 'c', '▁▁', '日']);
  const tokenizer = createTokenizer({ kind: 'gguf', metadata });
  const tokens = (text: string, special = false) =>
    tokenizer.encode(text, { special }).map((id) => tokenizer.idToken(id));

  it.each<[string, string[]]>([
    ['', []],
    ['a', ['▁a']],
    ['ab', ['▁ab']], // ▁a scores best, then joins b
    ['cab', ['▁', 'c', 'ab']],
    ['a b', ['▁a', '▁', 'b']],
    ['é', ['▁', '<0xC3>', '<0xA9>']],
    ['日', ['▁', '日']],
    ['   ', ['▁▁', '▁▁']],
  ])('%j', (text, expected) => {
    expect(tokens(text)).toEqual(expected);
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it('puts its space before each stretch after a control token', () => {
    expect(tokens('<|user|>a<|end|>a', true)).toEqual(['<|user|>', '▁a', '<|end|>', '▁a']);
  });

  it('drops the first space only, and none when the text goes on', () => {
    const ids = tokenizer.encode('a a');
    expect(tokenizer.decode(ids)).toBe('a a');
    const stream = tokenizer.streamDecoder({ continues: true });
    expect(ids.map((id) => stream.push(id)).join('')).toBe(' a a');
  });

  it('does without the space where the file says so', () => {
    const bare = createTokenizer({
      kind: 'gguf',
      metadata: new Map(metadata).set('tokenizer.ggml.add_space_prefix', false),
    });
    expect(bare.encode('a').map((id) => bare.idToken(id))).toEqual(['a']);
    expect(bare.decode(bare.encode(' a'))).toBe(' a');
  });

  it('knows Metaspace: first stretch only, or each', () => {
    const first = (scheme: string) =>
      createTokenizer({
        kind: 'tokenizer.json',
        config: null,
        json: {
          added_tokens: [{ id: 9, content: '<|x|>', special: true }],
          normalizer: null,
          pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: false },
          decoder: {
            type: 'Sequence',
            decoders: [
              { type: 'Replace' },
              { type: 'ByteFallback' },
              { type: 'Fuse' },
              { type: 'Strip', content: ' ', start: 1 },
            ],
          },
          model: { type: 'BPE', byte_fallback: true, vocab: { '▁': 0, a: 1, '▁a': 2 }, merges: ['▁ a'] },
        },
      }).encode('a<|x|>a', { special: true });
    expect(first('first')).toEqual([2, 9, 1]);
    expect(first('always')).toEqual([2, 9, 2]);
    expect(first('never')).toEqual([1, 9, 1]);
  });
});

describe('what is refused', () => {
  const gguf = (changes: [string, unknown][]) =>
    createTokenizer({ kind: 'gguf', metadata: new Map([...tinySentencePiece(['▁', 'a']), ...changes]) });
  const json = (more: Record<string, unknown>) => createTokenizer(tinyByteLevel([], CHATML_CONTROLS, more));

  it.each<[string, () => unknown, string, RegExp]>([
    ['an unknown pre-tokenizer', () => gguf([['tokenizer.ggml.model', 'gpt2'], ['tokenizer.ggml.merges', []], ['tokenizer.ggml.pre', 'klingon']]), 'unsupported-model', /"klingon"/], // prettier-ignore
    ['an unknown kind of vocabulary', () => gguf([['tokenizer.ggml.model', 'rwkv']]), 'unsupported-model', /rwkv/],
    ['no kind at all', () => gguf([['tokenizer.ggml.model', undefined]]), 'bad-model', /tokenizer\.ggml\.model/],
    ['scores that do not match', () => gguf([['tokenizer.ggml.scores', new Float32Array(3)]]), 'bad-model', /3 scores/],
    ['types that do not match', () => gguf([['tokenizer.ggml.token_type', new Int32Array(1)]]), 'bad-model', /1 types/],
    ['tokens that are numbers', () => gguf([['tokenizer.ggml.tokens', [1, 2]]]), 'bad-model', /not a list of texts/],
    [
      'a text for a tokenizer',
      () => createTokenizer({ kind: 'tokenizer.json', json: 'x', config: null }),
      'bad-model',
      /not a JSON object/,
    ],
    ['no model', () => json({ model: undefined }), 'bad-model', /"model"/],
    ['a Unigram model', () => json({ model: { type: 'Unigram', vocab: [] } }), 'unsupported-model', /Unigram/],
    [
      'an id out of range',
      () => json({ model: { type: 'BPE', vocab: { a: 4e9 }, merges: [] } }),
      'bad-model',
      /4000000000/,
    ],
    ['a merge of one', () => json({ model: { type: 'BPE', vocab: { a: 0 }, merges: ['a'] } }), 'bad-model', /merge 0/],
    [
      'an unknown pre-tokenizer in JSON',
      () => json({ pre_tokenizer: { type: 'UnicodeScripts' } }),
      'unsupported-model',
      /UnicodeScripts/,
    ],
    ['a split that the library lacks', () => json({ pre_tokenizer: { type: 'Split', pattern: { String: 'a' }, behavior: 'MergedWithNext' } }), 'unsupported-model', /mergedwithnext/], // prettier-ignore
    ['a pattern that is no pattern', () => json({ pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } }), 'unsupported-model', /cannot be built/], // prettier-ignore
    ['an unknown normaliser', () => json({ normalizer: { type: 'Precompiled' } }), 'unsupported-model', /Precompiled/],
    ['no decoder', () => json({ decoder: null }), 'unsupported-model', /decoder/],
  ])('%s', (_, build, code, message) => {
    expect(build).toThrowError(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error,
    );
  });

  it('takes __proto__ and constructor for tokens like any other', () => {
    const vocab = JSON.parse('{"__proto__": 0, "constructor": 1, "a": 2}') as Record<string, number>;
    const tokenizer = json({ model: { type: 'BPE', vocab, merges: [] } });
    expect([0, 1].map((id) => tokenizer.idToken(id))).toEqual(['__proto__', 'constructor']);
    expect(tokenizer.tokenId('toString')).toBeUndefined();
  });
});
