/** Files that are made to harm: bounded in time and memory, refused in words or read in part, and nothing in them runs. */
import { zlibSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { archive, makeDocx, makeEpub } from '../testing/make-office.ts';
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

  it('that is nested without end is refused, and HTML that is nested without end is read', async () => {
    const docx = makeDocx([], { 'word/document.xml': '<a>'.repeat(100_000) });
    await expect(readMade('a.docx', docx)).rejects.toMatchObject(refused(/nested too deep/));
    const { pages } = await readMade('a.html', `${'<div>'.repeat(10_000)}end`);
    expect(pages).toEqual([{ text: 'end' }]);
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
    const latin1 = (changed: string) => Uint8Array.from(changed, (character) => character.charCodeAt(0));
    const circle = latin1(text.replace('/Kids [6 0 R]', '/Kids [2 0 R]'));
    await expect(readMade('circle.pdf', circle)).rejects.toMatchObject(refused(/^circle\.pdf: /));
    await expect(readMade('none.pdf', '%PDF-1.7\nnothing')).rejects.toMatchObject(refused(/damaged/));
    const cut = latin1(text.slice(0, text.indexOf('xref')));
    await expect(readMade('cut.pdf', cut)).rejects.toMatchObject(refused(/damaged/));
    const counted = latin1(text.replace('/Count 1 ', '/Count 900000000 '));
    expect((await readMade('counted.pdf', counted)).pages).toEqual([{ text: 'One' }]);
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
});

it('reads 5,000 of more pages, and says so', async () => {
  const read = await readMade('long.epub', makeEpub(Array.from({ length: 5_001 }, (_, i) => `<p>Chapter ${i}`)));
  expect(read.pages.length).toBe(5_000);
  expect(read.gaps).toEqual([{ kind: 'cut', read: 5_000, total: 5_001 }]);
});
