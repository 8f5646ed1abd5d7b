/** Licences of the software and models in the app: `licences.json`, written by the build (scripts/build/supply-chain.ts). */
export interface Licence {
  name: string;
  /** Version of a package; a model has none. */
  version: string;
  /** SPDX expression. */
  licence: string;
  /** Its text, or for a model where it comes from; null when a package carries none. */
  text: string | null;
}

/** Rejects when the file is not there or cannot be fetched. */
export async function loadLicences(): Promise<Licence[]> {
  const response = await fetch(new URL('licences.json', document.baseURI));
  if (!response.ok) throw new Error(`licences.json: HTTP ${response.status}`);
  return (await response.json()) as Licence[];
}
