/** XML of Office files and EPUB as a stream of events, by saxes. */
import { SaxesParser } from 'saxes';
import { encodingOf } from './encoding.ts';
import { badDocument, XML_DEPTH } from './limits.ts';

export interface XmlEvents {
  /** Names come without their prefix: `w:t` is `t`. Attributes keep theirs. */
  open?(name: string, attributes: Record<string, string>): void;
  text?(text: string): void;
  close?(name: string): void;
}

const CHUNK_CHARACTERS = 256 << 10;

const local = (name: string): string => name.slice(name.indexOf(':') + 1);

/**
 * Throws `bad-document` for XML that is not well-formed, is nested too deep, or has a DOCTYPE (entities that grow without end are declared there).
 * @param part name of the entry, for messages
 */
export function parseXml(name: string, part: string, bytes: Uint8Array | undefined, events: XmlEvents): void {
  if (!bytes) throw badDocument(name, `The file is damaged: ${part} is missing.`);
  const bad = (why: string) => badDocument(name, `The file is damaged: ${part} ${why}.`);
  const parser = new SaxesParser({ xmlns: false, position: false });
  let depth = 0;
  parser.on('opentag', (tag) => {
    if (++depth > XML_DEPTH) throw bad('is nested too deep');
    events.open?.(local(tag.name), tag.attributes);
  });
  parser.on('text', (text) => events.text?.(text));
  parser.on('cdata', (text) => events.text?.(text));
  parser.on('closetag', (tag) => {
    depth--;
    events.close?.(local(tag.name));
  });
  parser.on('doctype', () => {
    throw bad('has a DOCTYPE, which could declare entities; such files are not read');
  });
  parser.on('error', (error) => {
    throw bad(`is not well-formed XML (${error.message})`);
  });
  const text = new TextDecoder(encodingOf(bytes)).decode(bytes);
  for (let at = 0; at < text.length; at += CHUNK_CHARACTERS) parser.write(text.slice(at, at + CHUNK_CHARACTERS));
  parser.close();
}

/** Targets of a `.rels` part by their id, as paths in the archive. Links to the web are left out. */
export function readRelations(name: string, part: string, files: ReadonlyMap<string, Uint8Array>): Map<string, string> {
  const folder = part.slice(0, part.lastIndexOf('/') + 1);
  const relations = `${folder}_rels/${part.slice(folder.length)}.rels`;
  const targets = new Map<string, string>();
  const bytes = files.get(relations);
  if (!bytes) return targets;
  parseXml(name, relations, bytes, {
    open(element, { Id, Target, TargetMode }) {
      if (element === 'Relationship' && Id && Target && TargetMode !== 'External')
        targets.set(Id, resolve(folder, Target));
    },
  });
  return targets;
}

/** A path relative to `folder`, with `.` and `..` resolved; it cannot leave the archive. */
export function resolve(folder: string, target: string): string {
  const parts: string[] = [];
  for (const step of (target.startsWith('/') ? target : folder + target).split('/')) {
    if (step === '..') parts.pop();
    else if (step !== '' && step !== '.') parts.push(step);
  }
  return parts.join('/');
}
