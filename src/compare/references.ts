/** References that ship with the app: independent implementations in float32, recorded by scripts/make/compare-references.ts. */
import type { Reference } from './agreement.ts';

/** The reference of the model with that fingerprint; null when none was recorded. */
export async function recordedReference(fingerprint: string): Promise<Reference | null> {
  const { default: references } = await import('./references.json');
  const found = references.find((reference) => reference.fingerprint === fingerprint);
  return found ? { kind: 'recorded', name: found.name, sequences: found.sequences } : null;
}
