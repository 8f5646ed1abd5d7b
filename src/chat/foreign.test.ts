import { describe, expect, it } from 'vitest';
import { pathTo } from './conversation.ts';
import { readImport } from './transfer.ts';

const gpt = (role: string, text: unknown, parent: string | null, extra: object = {}) => ({
  parent,
  message: {
    author: { role },
    create_time: 1_700_000_000.5,
    content: { content_type: 'text', parts: [text] },
    metadata: { model_slug: 'gpt-4o' },
    ...extra,
  },
});

const CHATGPT = [
  {
    title: 'Bread',
    create_time: 1_700_000_000,
    update_time: 1_700_000_100,
    conversation_id: '6f2c-1',
    current_node: 'b2',
    mapping: {
      b2: gpt('assistant', 'Rye.', 'hidden'),
      root: { parent: null, message: null },
      sys: gpt('system', 'Be brief.', 'root'),
      a: gpt('user', 'Which bread?', 'sys'),
      b1: gpt('assistant', 'Wheat.', 'a'),
      hidden: gpt('tool', 'search', 'a', { content: { content_type: 'execution_output' } }),
      picture: gpt('user', { asset: 1 }, 'b1'),
    },
  },
];

const OPEN_WEBUI = [
  {
    id: 'c1',
    title: 'Boats',
    pinned: true,
    created_at: 1_700_000_000,
    updated_at: 1_700_000_050,
    chat: {
      title: 'Boats',
      history: {
        currentId: 'y',
        messages: {
          x: {
            id: 'x',
            parentId: null,
            childrenIds: ['y', 'z'],
            role: 'user',
            content: 'Oars?',
            timestamp: 1_700_000_001,
          },
          y: {
            id: 'y',
            parentId: 'x',
            childrenIds: [],
            role: 'assistant',
            content: 'Two.',
            model: 'phi4',
            timestamp: 1,
          },
          z: { id: 'z', parentId: 'x', childrenIds: [], role: 'assistant', content: 'Four.', timestamp: 2 },
        },
      },
    },
  },
];

const LM_STUDIO = {
  name: '',
  createdAt: 1_700_000_000_000,
  systemPrompt: 'Be kind.',
  messages: [
    { currentlySelected: 0, versions: [{ type: 'singleStep', role: 'user', content: [{ type: 'text', text: 'Hi' }] }] },
    {
      currentlySelected: 1,
      versions: [
        {
          type: 'multiStep',
          role: 'assistant',
          steps: [{ type: 'contentBlock', content: [{ type: 'text', text: 'Hm' }] }],
        },
        {
          type: 'multiStep',
          role: 'assistant',
          senderInfo: { senderName: 'phi-4' },
          steps: [{ type: 'contentBlock', content: [{ type: 'text', text: 'Hello' }] }, { type: 'debugInfoBlock' }],
        },
      ],
    },
    {
      currentlySelected: 0,
      versions: [{ type: 'singleStep', role: 'user', content: [{ type: 'text', text: 'Bye' }] }],
    },
  ],
};

const read = async (json: unknown) => (await readImport(JSON.stringify(json))).conversations[0]!;
const shown = (chat: Awaited<ReturnType<typeof read>>) =>
  pathTo(chat).map(({ content, reply }) => (reply ? `${reply.model}: ${content}` : content));

describe('exports of other apps', () => {
  it('ChatGPT: the shown path, the other branch, the system prompt; tools and pictures are left out', async () => {
    const chat = await read(CHATGPT);
    expect(chat).toMatchObject({ id: '6f2c-1', title: 'Bread', system: 'Be brief.', updatedAt: 1_700_000_100_000 });
    expect(shown(chat)).toEqual(['Which bread?', 'gpt-4o: Rye.']);
    expect(chat.messages.map(({ content }) => content)).toEqual(['Which bread?', 'Wheat.', 'Rye.']);
    expect(chat.messages[0]!.createdAt).toBe(1_700_000_000_500);
  });

  it('Open WebUI: branches, models, pins', async () => {
    const chat = await read(OPEN_WEBUI);
    expect(chat).toMatchObject({ title: 'Boats', pinned: true, createdAt: 1_700_000_000_000 });
    expect(shown(chat)).toEqual(['Oars?', 'phi4: Two.']);
    expect(chat.messages).toHaveLength(3);
  });

  it('LM Studio: versions, and the chosen ones', async () => {
    const chat = await read(LM_STUDIO);
    expect(chat).toMatchObject({ title: 'Hi', system: 'Be kind.' });
    expect(shown(chat)).toEqual(['Hi', 'phi-4: Hello', 'Bye']);
    expect(chat.messages).toHaveLength(4);
  });

  it('ChatGPT: a chat alone, speech, damaged messages and times, ids that become the same', async () => {
    const odd = {
      title: null,
      create_time: null,
      current_node: 'gone',
      mapping: {
        'a/b': gpt('user', 'One', null, { create_time: '2024-01-02T03:04:05Z' }),
        a_b: gpt('assistant', { content_type: 'audio_transcription', text: 'Two' }, 'a/b', { create_time: 1e300 }),
        broken: 7,
        c: { parent: 'a_b', message: { author: null } },
        d: gpt('user', 'Three', 'c', { create_time: 1_700_000_000_000 }),
        ['x'.repeat(70) + '1']: gpt('assistant', 'Four', 'd'),
        ['x'.repeat(70) + '2']: gpt('assistant', 'Five', 'd'),
      },
    };
    const chat = await read(odd);
    expect(chat.messages.map(({ content, createdAt }) => [content, createdAt])).toEqual([
      ['One', 1_704_164_645_000],
      ['Two', 0],
      ['Three', 1_700_000_000_000],
      ['Four', 1_700_000_000_500],
      ['Five', 1_700_000_000_500],
    ]);
    expect(shown(chat)).toEqual(['One', 'gpt-4o: Two', 'Three', 'gpt-4o: Five']);
    const { conversations } = await readImport(JSON.stringify([...CHATGPT, { title: 'Nothing', mapping: null }]));
    expect(conversations.map(({ title }) => title)).toEqual(['Bread']);
  });

  it('Open WebUI: thoughts, calls of tools, the system prompt, and exports without a history', async () => {
    const chat = structuredClone(OPEN_WEBUI[0]!);
    chat.chat.history.messages.y.content =
      '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\n> Oars &lt; sails\n> so\n</details>\n<details type="tool_calls" done="true"><summary>Tool</summary></details>\nTwo.';
    Object.assign(chat.chat, { params: { system: 'Be nautical.' } });
    const read1 = await read([chat]);
    expect(read1.system).toBe('Be nautical.');
    expect(shown(read1)).toEqual(['Oars?', 'phi4: <think>\nOars < sails\nso\n</think>\n\nTwo.']);
    const old = {
      id: 'o',
      chat: {
        title: 'Old',
        messages: [
          { role: 'user', content: 'Hi' },
          { role: 'assistant', content: 'Yo' },
        ],
      },
    };
    expect(shown(await read([old]))).toEqual(['Hi', 'Open WebUI: Yo']);
  });

  it('LM Studio: thoughts, a choice that is not there, turns without versions', async () => {
    const chat: { messages: object[] } = structuredClone(LM_STUDIO);
    const block = (text: string, style?: object) => ({
      type: 'contentBlock',
      content: [{ type: 'text', text }],
      style,
    });
    chat.messages[1] = {
      currentlySelected: 5,
      versions: [{ role: 'assistant', steps: [block('Why?', { type: 'thinking', ended: true }), block('Because.')] }],
    };
    chat.messages.splice(2, 0, { currentlySelected: -1, versions: [] });
    expect(shown(await read(chat))).toEqual(['Hi', 'LM Studio: <think>\nWhy?\n</think>\n\nBecause.', 'Bye']);
  });

  it('says what a ZIP archive is', async () => {
    await expect(readImport('PK\u0003\u0004')).rejects.toThrow(/ZIP archive. Unpack it/);
  });

  it('ends on parents that go round in a circle, and refuses what is none of them', async () => {
    const circle = structuredClone(CHATGPT);
    circle[0]!.mapping.a.parent = 'b1';
    expect((await read(circle)).messages.map(({ content }) => content)).toEqual([]);
    for (const json of [[], [{}], {}, [{ mapping: 1 }], { messages: [] }])
      await expect(readImport(JSON.stringify(json))).rejects.toThrow(/not an export of chats/);
  });
});
