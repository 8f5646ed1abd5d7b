/** Draws pages of a PDF, with a stretch of their text marked, on a canvas of this thread. */
import type { PageViewport, PDFDocumentLoadingTask, PDFPageProxy } from 'pdfjs-dist';
import type { TextItem } from 'pdfjs-dist/types/src/display/api.d.ts';
import type { FetchPdfData, PageMark, PagePicture } from '../../shared/document-types.ts';
import { PICTURE_PIXELS } from './limits.ts';
import { loadPdfJs } from './pdf-js.ts';

/** Colour of the mark; it is multiplied with the page, so that the letters stay black. */
const MARK = '#ffe066';
/** How far letters reach above and below their line, as shares of their size. */
const ASCENT = 0.9;
const DESCENT = 0.25;

type Context = OffscreenCanvasRenderingContext2D;
interface Surface {
  canvas: OffscreenCanvas | null;
  context: Context | null;
}

class CanvasFactory {
  create(width: number, height: number): Surface {
    const canvas = new OffscreenCanvas(width, height);
    return { canvas, context: canvas.getContext('2d', { willReadFrequently: true }) };
  }

  getNoAlphaContext(canvas: OffscreenCanvas): Context | null {
    return canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  }

  reset({ canvas }: Surface, width: number, height: number): void {
    Object.assign(canvas!, { width, height });
  }

  destroy(surface: Surface): void {
    surface.canvas!.width = surface.canvas!.height = 0;
    surface.canvas = surface.context = null;
  }
}

/** Filters are SVG of a page, which a worker has not: what needs one is drawn without it. */
class FilterFactory {
  readonly #none = () => 'none';
  readonly addFilter = this.#none;
  readonly addHCMFilter = this.#none;
  readonly addAlphaFilter = this.#none;
  readonly addLuminosityFilter = this.#none;
  readonly addKnockoutFilter = this.#none;
  readonly addHighlightHCMFilter = this.#none;
  readonly addSelectionHCMFilter = this.#none;
  readonly addSelectionFilter = this.#none;
  readonly createSelectionStyle = () => null;
  readonly destroy = () => undefined;
}

/** What is left of a text when it is tidied and words are joined; the text of a page and its pieces in the file agree in it. */
const solid = (text: string): string => text.replace(/[\s\p{Cc}-]/gu, '');

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** The box of a part of a piece of text, in pixels. `from`, `to`: shares of its length. */
function boxOf(item: TextItem, vertical: boolean, from: number, to: number, viewport: PageViewport): Box {
  const [a, b, c, d, x, y] = item.transform as number[] as [number, number, number, number, number, number];
  const size = Math.hypot(c, d) || 1;
  const wide = Math.hypot(a, b) || 1;
  const along = vertical ? [-c / size, -d / size] : [a / wide, b / wide];
  const across = vertical ? [a / wide, b / wide] : [c / size, d / size];
  const length = vertical ? item.height : item.width;
  const [low, high] = vertical ? [-size / 2, size / 2] : [-DESCENT * size, ASCENT * size];
  const corner = (at: number, off: number) =>
    viewport.convertToViewportPoint(x + along[0]! * at + across[0]! * off, y + along[1]! * at + across[1]! * off) as [
      number,
      number,
    ];
  const corners = [from * length, to * length].flatMap((at) => [corner(at, low), corner(at, high)]);
  const [xs, ys] = [corners.map(([px]) => px), corners.map(([, py]) => py)];
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

/** Where the marked stretch of the page's text stands on the page. */
async function boxesOf(page: PDFPageProxy, { text, start, end }: PageMark, viewport: PageViewport): Promise<Box[]> {
  const { items, styles } = await page.getTextContent();
  const first = solid(text.slice(0, start)).length;
  const last = first + solid(text.slice(start, end)).length;
  const boxes: Box[] = [];
  let at = 0;
  for (const item of items) {
    if (!('str' in item)) continue;
    const { length } = solid(item.str);
    const [from, to] = [Math.max(first, at), Math.min(last, at + length)];
    if (from < to) {
      const vertical = styles[item.fontName]?.vertical ?? false;
      boxes.push(boxOf(item, vertical, (from - at) / length, (to - at) / length, viewport));
    }
    at += length;
  }
  return boxes;
}

/** One file whose pages are drawn. */
export class PdfPictures {
  #task: PDFDocumentLoadingTask | null = null;

  async open(file: Blob, fetchData: FetchPdfData): Promise<void> {
    const { open } = await loadPdfJs();
    this.#task = open(new Uint8Array(await file.arrayBuffer()), fetchData, { CanvasFactory, FilterFactory });
    await this.#task.promise;
  }

  /**
   * @param number of the page, from 1
   * @param width of the picture, in pixels; a page that would be too large gets less
   */
  async draw(number: number, width: number, mark: PageMark | null): Promise<PagePicture> {
    const page = await (await this.#task!.promise).getPage(number);
    const natural = page.getViewport({ scale: 1 });
    const most = Math.sqrt(PICTURE_PIXELS / (natural.width * natural.height));
    const viewport = page.getViewport({ scale: Math.min(width / natural.width, most) });
    const canvas = new OffscreenCanvas(
      Math.max(1, Math.round(viewport.width)),
      Math.max(1, Math.round(viewport.height)),
    );
    const context = canvas.getContext('2d', { alpha: false });
    if (!context) throw new Error('The browser gave no canvas.');
    // pdf.js knows canvases of a page only by their type.
    const canvasContext = context as unknown as CanvasRenderingContext2D;
    await page.render({ canvas: null, canvasContext, viewport, intent: 'print' }).promise;
    const boxes = mark ? await boxesOf(page, mark, viewport) : [];
    context.resetTransform();
    context.globalCompositeOperation = 'multiply';
    context.fillStyle = MARK;
    for (const { left, top, right, bottom } of boxes) context.fillRect(left, top, right - left, bottom - top);
    page.cleanup();
    const top = boxes.length > 0 ? Math.min(...boxes.map((box) => box.top)) / viewport.height : null;
    return { image: canvas.transferToImageBitmap(), top };
  }
}
