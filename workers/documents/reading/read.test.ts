import { describe, expect, it } from 'vitest';
import { makeDocx, makeEpub, makePptx, makeXlsx } from '../testing/make-office.ts';
import { makePdf } from '../testing/make-pdf.ts';
import { readMade } from '../testing/read-made.ts';

const texts = ({ pages }: { pages: { text: string }[] }) => pages.map(({ text }) => text);

describe('documents are read as text with page numbers', () => {
  it('PDF, in English and Japanese, with a font that needs character maps', async () => {
    const seen: number[] = [];
    const bytes = makePdf([['Hello (world)', 'an exam-', 'ple'], ['東京の人口', '約1400万人'], []], { compress: true });
    const read = await readMade('a.pdf', bytes, (done) => seen.push(done));
    expect(texts(read)).toEqual(['Hello (world)\nan example', '東京の人口\n約1400万人', '']);
    expect(read).toMatchObject({ kind: 'pdf', unit: 'page', gaps: [{ kind: 'no-text', pages: [3] }] });
    expect(seen).toEqual([1, 2, 3]);
  });

  it('PDF with a broken cross-reference table, and bytes before its header', async () => {
    const bytes = makePdf([['One'], ['Two']], { brokenXref: true });
    expect(texts(await readMade('a.pdf', bytes))).toEqual(['One', 'Two']);
    expect(texts(await readMade('a.bin', new Blob(['\n\n', bytes])))).toEqual(['One', 'Two']);
  });

  it('DOCX: pages where Word saw them, tables by row, notes at the end, alternatives once', async () => {
    const bytes = makeDocx(['First & second', '\f', '三番目'], {
      'word/footnotes.xml': '<w:footnotes><w:p><w:r><w:t>A note.</w:t></w:r></w:p></w:footnotes>',
    });
    expect(await readMade('a.docx', bytes)).toEqual({
      kind: 'docx',
      unit: 'page',
      pages: [{ text: 'First & second' }, { text: '三番目' }, { text: 'A note.' }],
      gaps: [],
    });
    const cell = (text: string) => `<w:tc><w:p><w:r><w:t>${text}</w:t></w:r></w:p></w:tc>`;
    const twice =
      '<w:p><w:r><AlternateContent><Choice><w:t>box</w:t></Choice><Fallback><w:t>box</w:t></Fallback></AlternateContent></w:r></w:p>';
    const table = makeDocx([], {
      'word/document.xml': `<w:document><w:tbl><w:tr>${cell('a')}${cell('b')}</w:tr></w:tbl>${twice}</w:document>`,
    });
    expect(texts(await readMade('a.docx', table))).toEqual(['a\tb\nbox']);
  });

  it('DOCX with indented paragraphs and tab stops: each on its own line', async () => {
    const stops = '<w:pPr><w:tabs><w:tab w:val="left" w:pos="720"/></w:tabs></w:pPr>';
    const paragraph = (text: string, before = '') =>
      `<w:p>${before}<w:r>${text.startsWith('>') ? '<w:tab/>' : ''}<w:t>${text.replace('>', '')}</w:t></w:r></w:p>`;
    const document = `<w:document>${paragraph('One')}${paragraph('>Two')}${paragraph('Three', stops)}</w:document>`;
    expect(texts(await readMade('a.docx', makeDocx([], { 'word/document.xml': document })))).toEqual([
      'One\n\tTwo\nThree',
    ]);
  });

  it('DOCX without marks of pages: parts of about a page', async () => {
    const paragraphs = Array.from({ length: 100 }, (_, i) => `Paragraph ${i}. ${'word '.repeat(20)}`);
    const read = await readMade('a.docx', makeDocx(paragraphs));
    expect(read.unit).toBe('part');
    expect(read.pages.length).toBeGreaterThan(2);
    expect(
      texts(read)
        .join('\n')
        .match(/Paragraph \d+/g),
    ).toEqual(paragraphs.map((_, i) => `Paragraph ${i}`));
  });

  it('PPTX: slides in the order of the presentation, with notes and without slide numbers', async () => {
    const read = await readMade('a.pptx', makePptx([['Title\nPoint'], ['二枚目', 'Say this.']]));
    expect(read).toEqual({
      kind: 'pptx',
      unit: 'slide',
      pages: [{ text: 'Title\nPoint' }, { text: '二枚目\n\nSay this.' }],
      gaps: [],
    });
  });

  it('PPTX: a field inside what is hidden hides nothing behind it', async () => {
    const text = '<a:p><a:r><a:t>Shown</a:t></a:r></a:p>';
    const field = '<Fallback><a:fld type="other"><a:t>hidden</a:t></a:fld></Fallback>';
    const slide = `<p:sld>${text}${field}${text}</p:sld>`;
    const bytes = makePptx([['x']], { 'ppt/slides/slide1.xml': slide });
    expect(texts(await readMade('a.pptx', bytes))).toEqual(['Shown\nShown']);
  });

  it('XLSX: sheets with names, values of formulas, dates, gaps, no phonetic guides', async () => {
    const bytes = makeXlsx({
      Sales: [
        ['Month', 'Total'],
        [{ days: 45_992 }, 12.5],
        [null, true],
      ],
      表: [['売上', { days: 45_992.75 }]],
    });
    expect(await readMade('a.xlsx', bytes)).toEqual({
      kind: 'xlsx',
      unit: 'sheet',
      pages: [
        { text: 'Month\tTotal\n2025-12-01\t12.5\n\tTRUE', label: 'Sales' },
        { text: '売上\t2025-12-01 18:00', label: '表' },
      ],
      gaps: [],
    });
  });

  it('EPUB: chapters in reading order with their titles', async () => {
    const chapters = [
      '<h1>One</h1><p>A&nbsp;b<br/>c</p><script>x()</script>',
      '<title>二</title><p>漢字<ruby>語<rt>ご</rt></ruby>',
    ];
    const read = await readMade('a.epub', makeEpub(chapters));
    expect(read).toMatchObject({ kind: 'epub', unit: 'chapter' });
    expect(read.pages).toEqual([
      { text: 'One\n\nA b\nc', label: 'One' },
      { text: '漢字語', label: '二' },
    ]);
  });

  it('EPUB with an address that cannot be decoded: the chapters all the same', async () => {
    const manifest = '<manifest><item id="c0" href="text/c%200.xhtml"/><item id="image" href="50%.jpg"/></manifest>';
    const book = `<package>${manifest}<spine><itemref idref="c0"/></spine></package>`;
    const bytes = makeEpub(['<p>Text</p>'], { 'OEBPS/book.opf': book });
    expect(texts(await readMade('a.epub', bytes))).toEqual(['Text']);
  });

  it('text with 200,000 blanks in a row, within a second', { timeout: 5_000 }, async () => {
    const blanks = ' '.repeat(200_000);
    const letters = async (name: string, text: string) =>
      texts(await readMade(name, text))
        .join('')
        .replace(/\s+/g, '');
    expect(await letters('a.html', `<pre>a${blanks}b\n${blanks}c</pre>`)).toBe('abc');
    expect(await letters('a.txt', `a${blanks}b`)).toBe('ab');
  });

  it('HTML: in the encoding that it names, without scripts and styles', async () => {
    const html =
      '<meta charset="shift_jis"><style>p{}</style><p>\x93\xfa\x96\x7b &amp; <b>bold</b><table><tr><td>x<td>y</table><script>alert(1)</script>';
    const bytes = Uint8Array.from(html, (character) => character.charCodeAt(0));
    expect(texts(await readMade('a.html', bytes))).toEqual(['日本 & bold\n\nx\ty']);
  });

  it('Markdown and source code as they stand', async () => {
    expect(await readMade('a.md', '# Title\r\n\r\ntext')).toEqual({
      kind: 'markdown',
      unit: 'part',
      pages: [{ text: '# Title\n\ntext' }],
      gaps: [],
    });
    expect(texts(await readMade('a.py', '  def f():\n    return 1\n'))).toEqual(['def f():\n    return 1']);
  });

  it.each<[string, string, BlobPart]>([
    ['an image', 'a.png', new Uint8Array([0x89, 0x50, 0, 0xff])],
    ['UTF-16 with a null', 'a.txt', new Uint8Array([0x41, 0])],
    ['nothing', 'a.txt', ''],
    ['an old Office file', 'a.doc', new Uint8Array([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1])],
  ])('refuses %s by name', async (_, name, bytes) => {
    await expect(readMade(name, bytes)).rejects.toMatchObject({
      code: 'bad-document',
      message: expect.stringContaining(name) as string,
    });
  });
});
