/** HTML of Markdown for tests, in the form that the references have. */
import { blocksOf } from '../blocks.ts';
import { parse } from '../parser.ts';
import { sanitise } from '../sanitise.ts';

/** As our renderer gives it, before it is sanitised. */
export const toHtml = (text: string): string =>
  blocksOf(parse(text).tokens)
    .map(({ html }) => html)
    .join('');

export const render = (text: string): DocumentFragment => sanitise(toHtml(text));

/** Without what differs between renderers and means the same: white space between tags, quoting, our attributes, single line breaks. */
export const normalise = (html: string): string =>
  html
    .replace(/<br>\s*/g, ' ')
    .replace(/ data-(?:language|task)="[^"]*"/g, '')
    .replaceAll('&quot;', '"')
    .replaceAll('&gt;', '>')
    .replace(/>\s+</g, '><')
    .replace(/\s+/g, ' ')
    .trim();
