import * as v from 'valibot';

/** The model that lies beside the page. */
export const STARTER_ID = 'smollm2-135m-instruct-q4_1';

/** The fields of a manifest that the page shows. The worker validates all of it before it installs anything. */
const ModelInfoSchema = v.object({
  id: v.string(),
  name: v.string(),
  licence: v.object({ spdx: v.string(), url: v.pipe(v.string(), v.url()) }),
  source: v.object({ name: v.string(), url: v.pipe(v.string(), v.url()) }),
  bytes: v.number(),
});

export type ModelInfo = v.InferOutput<typeof ModelInfoSchema>;

/** Absolute address of the starter's manifest, beside the page wherever it is hosted. */
export function starterUrl(): string {
  return new URL(`models/${STARTER_ID}/manifest.json`, document.baseURI).href;
}

/**
 * Name, licence and size for the first screen; null if they cannot be fetched (offline). The page then leaves them out.
 */
export async function fetchStarter(): Promise<ModelInfo | null> {
  try {
    const response = await fetch(starterUrl());
    const result = v.safeParse(ModelInfoSchema, response.ok ? await response.json() : null);
    return result.success ? result.output : null;
  } catch {
    return null;
  }
}
