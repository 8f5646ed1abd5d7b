/** Files that are made to harm: bounded in time and memory, refused in words or read in part, and nothing in them runs. */
import { zlibSync } from 'fflate';
import { describe, expect, it, vi } from 'vitest';
import { itIf } from '../../testing/it-if.ts';
import { archive, makeDocx, makeEpub, makePptx } from '../testing/make-office.ts';
import { makePdf } from '../testing/make-pdf.ts';
import { characterMaps, readMade } from '../testing/read-made.ts';
import { readPdf } from './pdf.ts';

const LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>';

/** Sets the size that the archive's directory claims for its first entry with this name. */
function claimSize(bytes: Uint8Array<ArrayBuffer>, name: string, size: number): Uint8Array<ArrayBuffer> {
  const changed = bytes.slice();
  const view = new DataView(changed.buffer);
  for (let at = 0; at + 46 < changed.length; at++) {
    if (view.getUint32(at, true) !== 0x02014b50) continue; // An entry of the directory.
    const length = view.getUint16(at + 28, true);
    if (new TextDecoder().decode(changed.subarray(at + 46, at + 46 + length)) === name)
      view.setUint32(at + 24, size, true);
  }
  return changed;
}

/** Stored entries that all lie at the same place of the file, each of which claims to hold one byte. */
function overlapping(names: readonly string[], content: Uint8Array): Uint8Array<ArrayBuffer> {
  const start = 30 + content.length;
  const texts = names.map((name) => new TextEncoder().encode(name));
  const size = texts.reduce((sum, { length }) => sum + 46 + length, 0);
  const bytes = new Uint8Array(start + size + 22);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x04034b50, true);
  bytes.set(content, 30);
  let at = start;
  for (const text of texts) {
    view.setUint32(at, 0x02014b50, true);
    view.setUint32(at + 20, content.length, true);
    view.setUint32(at + 24, 1, true);
    view.setUint16(at + 28, text.length, true);
    bytes.set(text, at + 46);
    at += 46 + text.length;
  }
  view.setUint32(at, 0x06054b50, true);
  view.setUint16(at + 8, texts.length, true);
  view.setUint16(at + 10, texts.length, true);
  view.setUint32(at + 12, size, true);
  view.setUint32(at + 16, start, true);
  return bytes;
}

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
/** A PDF of one page that says "One", changed as a text. */
const changedPdf = (from: string | RegExp, to: string) => {
  const text = new TextDecoder('latin1').decode(makePdf([['One']]));
  expect(text.replace(from, '')).not.toBe(text);
  return latin1(text.replace(from, to));
};

const refused = (why: RegExp) => ({ code: 'bad-document', message: expect.stringMatching(why) as string });

describe('archives', () => {
  const docx = makeDocx(['word '.repeat(10_000)]);

  it('that unpack to more than the limit are not opened', async () => {
    const bomb = claimSize(docx, 'word/document.xml', 300 << 20);
    await expect(readMade('bomb.docx', bomb)).rejects.toMatchObject(refused(/^bomb\.docx: .*more than 256 MB/));
  });

  it('that claim less than they hold are cut at the claim, and then are damaged', async () => {
    const lie = claimSize(docx, 'word/document.xml', 200);
    await expect(readMade('lie.docx', lie)).rejects.toMatchObject(refused(/damaged: word\/document\.xml/));
  });

  it('whose entries lie over each other are not opened', async () => {
    const names = ['META-INF/container.xml', ...Array.from({ length: 300 }, (_, i) => `${i}.xhtml`)];
    const bytes = overlapping(names, new Uint8Array(1 << 20).fill(32));
    expect(bytes.length).toBeLessThan(2 << 20);
    await expect(readMade('overlap.epub', bytes)).rejects.toMatchObject(refused(/^overlap\.epub: .*more than 256 MB/));
  });

  it('in archives are not opened, and the archive around them is refused', async () => {
    const nested = archive({ 'inner.docx': docx, 'bomb.zip': archive({ 'inner.docx': docx }) });
    await expect(readMade('nested.zip', nested)).rejects.toMatchObject(refused(/Unpack it and attach the files in it/));
  });

  it('that list the same part a thousand times are read once', async () => {
    const items = '<item id="c0" href="text/c%200.xhtml"/>';
    const spine = `<package><manifest>${items}</manifest><spine>${'<itemref idref="c0"/>'.repeat(1_000)}</spine></package>`;
    const book = await readMade('loop.epub', makeEpub(['<p>Again'], { 'OEBPS/book.opf': spine }));
    expect(book.pages).toEqual([{ text: 'Again' }]);
    const slides = `<p:presentation>${'<p:sldId r:id="r0"/>'.repeat(1_000)}</p:presentation>`;
    const talk = await readMade('loop.pptx', makePptx([['Again']], { 'ppt/presentation.xml': slides }));
    expect(talk.pages).toEqual([{ text: 'Again' }]);
    const container = '<container><rootfiles><rootfile full-path="META-INF/container.xml"/></rootfiles></container>';
    const self = makeEpub(['<p>Again'], { 'META-INF/container.xml': container });
    await expect(readMade('self.epub', self)).rejects.toMatchObject(refused(/no text/));
  });

  it('with one string in very many cells are read up to the limit', async () => {
    const cells = Array.from({ length: 3_000 }, () => '<row><c t="s"><v>0</v></c></row>').join('');
    const sheet = archive({
      'xl/workbook.xml': '<workbook><sheets><sheet name="A" r:id="s"/><sheet name="B" r:id="s"/></sheets></workbook>',
      'xl/_rels/workbook.xml.rels':
        '<Relationships><Relationship Id="s" Target="worksheets/sheet1.xml"/></Relationships>',
      'xl/sharedStrings.xml': `<sst><si><t>${'x'.repeat(1e6)}</t></si></sst>`,
      'xl/worksheets/sheet1.xml': `<worksheet><sheetData>${cells}</sheetData></worksheet>`,
    });
    const { pages, gaps } = await readMade('strings.xlsx', sheet);
    expect(pages.map(({ text }) => text.length)).toEqual([8_000_000]);
    expect(gaps).toEqual([{ kind: 'cut', read: 1, total: 1 }]);
  });

  it('with too many entries, cut off, or of no known kind are refused', async () => {
    const many = archive(Object.fromEntries(Array.from({ length: 20_001 }, (_, i) => [`${i}`, ''])));
    await expect(readMade('many.docx', many)).rejects.toMatchObject(refused(/more than 20000 entries/));
    await expect(readMade('cut.docx', docx.slice(0, docx.length / 2))).rejects.toMatchObject(refused(/zip archive/));
    await expect(readMade('a.zip', archive({ 'a.txt': 'x' }))).rejects.toMatchObject(refused(/not a DOCX/));
  });
});

describe('XML', () => {
  it('with entities of its own is refused', async () => {
    const docx = makeDocx([], { 'word/document.xml': `${LAUGHS}<w:document><w:t>&b;</w:t></w:document>` });
    await expect(readMade('a.docx', docx)).rejects.toMatchObject(refused(/DOCTYPE/));
    const epub = makeEpub(['<p>x'], { 'OEBPS/book.opf': `${LAUGHS}<package/>` });
    await expect(readMade('a.epub', epub)).rejects.toMatchObject(refused(/DOCTYPE/));
  });

  it('that is nested without end is refused, and HTML too, much later', async () => {
    const docx = makeDocx([], { 'word/document.xml': '<a>'.repeat(100_000) });
    await expect(readMade('a.docx', docx)).rejects.toMatchObject(refused(/nested too deep/));
    const { pages } = await readMade('a.html', `${'<div><br>'.repeat(9_000)}end`);
    expect(pages).toEqual([{ text: 'end' }]);
    const endless = `${'<div>'.repeat(1_000_000)}end`;
    await expect(readMade('a.html', endless)).rejects.toMatchObject(refused(/^a\.html: .*nested more than 10000 deep/));
  });

  it('in a book expands no entity of a chapter', async () => {
    const { pages } = await readMade('a.epub', makeEpub([`${LAUGHS}<p>&b; &amp; &eacute;</p>`]));
    expect(pages[0]!.text).toBe('&b; & é');
  });
});

describe('PDF', () => {
  const marked = globalThis as { hurt?: unknown };

  it('runs neither its scripts nor the code in its fonts', async () => {
    const action = '<< /S /JavaScript /JS (globalThis.hurt = 1; app.alert\\(1\\)) >>';
    const font =
      '<< /Type /Font /Subtype /Type1 /BaseFont /F /FontMatrix [1 2 3 4 5 (1\\); globalThis.hurt = 1;//)] ' +
      '/FirstChar 65 /LastChar 65 /Widths [500] >>';
    const catalog = '/OpenAction {0} 0 R /AA << /WC {0} 0 R >> /Names << /JavaScript << /Names [(a) {0} 0 R] >> >>';
    const bytes = makePdf([['Harmless']], { objects: [action, font], catalog: catalog.replaceAll('{0}', '6') });
    const { pages } = await readMade('a.pdf', bytes);
    expect(pages).toEqual([{ text: 'Harmless' }]);
    expect(marked.hurt).toBeUndefined();
  });

  it('with pages in a circle, without pages, or cut off is refused or read as far as it goes', async () => {
    const text = new TextDecoder('latin1').decode(makePdf([['One']]));
    const circle = latin1(text.replace('/Kids [6 0 R]', '/Kids [2 0 R]'));
    await expect(readMade('circle.pdf', circle)).rejects.toMatchObject(refused(/^circle\.pdf: /));
    await expect(readMade('none.pdf', '%PDF-1.7\nnothing')).rejects.toMatchObject(refused(/damaged/));
    const cut = latin1(text.slice(0, text.indexOf('xref')));
    await expect(readMade('cut.pdf', cut)).rejects.toMatchObject(refused(/damaged/));
    const counted = latin1(text.replace('/Count 1 ', '/Count 900000000 '));
    expect((await readMade('counted.pdf', counted)).pages).toEqual([{ text: 'One' }]);
  });

  it.each<[string, string | RegExp, string, string[]]>([
    ['a page tree that holds itself', '/Count 1 /Kids [6 0 R]', '/Count 9 /Kids [6 0 R 2 0 R]', ['One', '']],
    ['a page that is its own parent', '/Parent 2 0 R', '/Parent 6 0 R', ['One']],
    ['outlines that go in a circle', '/Catalog', '/Catalog /Outlines << /First 6 0 R /Next 6 0 R >>', ['One']],
    ['a stream whose length is the stream', /\/Length \d+/, '/Length 7 0 R', ['One']],
    ['a cross-reference table before itself', '/Size', '/Prev 9 /Size', ['One']],
    ['a cross-reference table that is missing', /startxref\n\d+/, 'startxref\n999999999', ['One']],
  ])('with %s is read', async (_, from, to, texts) => {
    const { pages } = await readMade('a.pdf', changedPdf(from, to));
    expect(pages.map(({ text }) => text)).toEqual(texts);
  });

  it.each([
    ['dictionaries', '<< /A '.repeat(20_000) + '1' + ' >>'.repeat(20_000)],
    ['arrays', '['.repeat(200_000) + ']'.repeat(200_000)],
  ])('with %s nested without end is refused', async (_, value) => {
    const deep = changedPdf('/Type /Catalog', `/Type /Catalog /X ${value}`);
    await expect(readMade('deep.pdf', deep)).rejects.toMatchObject(refused(/^deep\.pdf: .*damaged/));
  });

  it('with a password is refused, and so is an Office file with one', async () => {
    const [owner, user] = ['11'.repeat(32), '22'.repeat(32)];
    const encrypt = `/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <${owner}> /U <${user}> >>`;
    const pdf = changedPdf('/Root 1 0 R', `/Root 1 0 R /ID [<00><00>] ${encrypt}`);
    await expect(readMade('a.pdf', pdf)).rejects.toMatchObject(refused(/protected by a password\. Save a copy/));
    const ole = '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1' + '\0'.repeat(1_000);
    const locked = latin1(ole + [...'EncryptedPackage'].join('\0'));
    await expect(readMade('a.docx', locked)).rejects.toMatchObject(refused(/protected by a password\. Save a copy/));
    await expect(readMade('a.docx', latin1(ole))).rejects.toMatchObject(refused(/old Office file/));
  });

  it('that is scanned is said to have no text', async () => {
    await expect(readMade('scan.pdf', makePdf([[], []]))).rejects.toMatchObject(refused(/no text.*scanned/));
  });

  it('with a stream that unpacks without end is refused', async () => {
    const bomb = zlibSync(new Uint8Array(32 << 20).fill(32), { level: 9 });
    const bytes = makePdf([['Sound'], { data: bomb, dictionary: '/Filter /FlateDecode' }]);
    expect(bytes.length).toBeLessThan(1 << 20);
    const read = readPdf('bomb.pdf', bytes, characterMaps, () => undefined, 8 << 20);
    await expect(read).rejects.toMatchObject(refused(/unpacks to more than/));
  });

  // `npm run test:timing` prints the figure of docs/documents.md.
  itIf(process.env['PHI_TIMING'] === '1')(
    'of 10,000 pages side by side ends at the limit',
    { timeout: 120_000 },
    async () => {
      const pages = Array.from({ length: 10_000 }, (_, i) => [`Page ${i + 1}`]);
      const started = performance.now();
      const read = await readPdf('pages.pdf', makePdf(pages), characterMaps, () => undefined);
      const seconds = (performance.now() - started) / 1_000;
      process.stdout.write(`10,000 pages of a PDF until the limit: ${seconds.toFixed(1)} s\n`);
      expect(read.gaps).toEqual([{ kind: 'cut', read: 5_000, total: 10_000 }]);
      expect(seconds).toBeLessThan(15);
    },
  );

  it('of end tags that fit nothing is refused', { timeout: 60_000 }, async () => {
    const html = '<div>'.repeat(9_900) + '</x>'.repeat(1_000_000);
    await expect(readMade('tags.html', html)).rejects.toMatchObject(refused(/end tags do not fit its elements/));
    expect(await readMade('page.html', `${'</x>'.repeat(10_000)}<p>Text`)).toMatchObject({ pages: [{ text: 'Text' }] });
  });

  it('leave out a page that takes too long, and keep the others', { timeout: 60_000 }, async () => {
    const states = zlibSync(new TextEncoder().encode('q '.repeat(1_000_000)));
    const bytes = makePdf([['Before'], { data: states, dictionary: '/Filter /FlateDecode' }, ['Behind']]);
    const read = await readPdf('states.pdf', bytes, characterMaps, () => undefined, undefined, 200);
    expect(read.pages.map(({ text }) => text)).toEqual(['Before', '', 'Behind']);
    expect(read.gaps).toEqual([{ kind: 'unreadable', pages: [2] }]);
  });
});

describe('files under a wrong name', () => {
  it('are read by what they are', async () => {
    expect(await readMade('a.docx', makePdf([['One']]))).toMatchObject({ kind: 'pdf', pages: [{ text: 'One' }] });
    expect(await readMade('a.pdf', makeDocx(['One']))).toMatchObject({ kind: 'docx', pages: [{ text: 'One' }] });
  });

  it('are refused where they are no document, or empty', async () => {
    await expect(readMade('a.pdf', '')).rejects.toMatchObject(refused(/^a\.pdf: The file is empty/));
    await expect(readMade('a.txt', ' \n')).rejects.toMatchObject(refused(/has no text/));
    await expect(readMade('a.pdf', latin1('\x89PNG\r\n'))).rejects.toMatchObject(refused(/^a\.pdf is not a text file/));
    await expect(readMade('a.doc', '{\\rtf1 One}')).rejects.toMatchObject(refused(/Rich Text Format/));
  });
});

it('stops a file whose pages take ten minutes together, and keeps what was read', async () => {
  let now = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 1_000));
  const read = await readMade('slow.epub', makeEpub(Array.from({ length: 700 }, (_, i) => `<p>Chapter ${i}`)));
  clock.mockRestore();
  expect(read.pages.length).toBeGreaterThan(500);
  expect(read.gaps).toEqual([{ kind: 'cut', read: read.pages.length, total: 700 }]);
});

it('reads 5,000 of more pages, and says so', async () => {
  const read = await readMade('long.epub', makeEpub(Array.from({ length: 5_001 }, (_, i) => `<p>Chapter ${i}`)));
  expect(read.pages.length).toBe(5_000);
  expect(read.gaps).toEqual([{ kind: 'cut', read: 5_000, total: 5_001 }]);
});
