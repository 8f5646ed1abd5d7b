/**
 * Origin-trial tokens: what a browser is given to have an experimental feature (WebNN) on for this site without a flag. The page carries them in
 * `<meta http-equiv="origin-trial">`, before any script; a dedicated worker has the trials of the page that starts it (Chromium:
 * OriginTrialContext::GetInheritedTrialFeatures), so the engine's worker needs none of its own.
 */

export interface TrialToken {
  origin: string;
  /** "WebMachineLearningNeuralNetwork" */
  feature: string;
  /** In ms since 1970. */
  expires: number;
}

/** Version byte, signature, length of the payload (32 bits, big-endian), payload. */
const SIGNATURE_BYTES = 64;
const HEADER_BYTES = 1 + SIGNATURE_BYTES + 4;
const VERSIONS = [2, 3];

/** The content of a token; null if the text is not a token. The browser checks the signature. */
export function readToken(token: string): TrialToken | null {
  try {
    const bytes = Uint8Array.from(atob(token.trim()), (character) => character.charCodeAt(0));
    if (bytes.length <= HEADER_BYTES || !VERSIONS.includes(bytes[0]!)) return null;
    const length = new DataView(bytes.buffer).getUint32(1 + SIGNATURE_BYTES);
    const { origin, feature, expiry } = JSON.parse(
      new TextDecoder().decode(bytes.subarray(HEADER_BYTES, HEADER_BYTES + length)),
    ) as Record<string, unknown>;
    if (typeof origin !== 'string' || typeof feature !== 'string' || typeof expiry !== 'number') return null;
    return { origin, feature, expires: expiry * 1000 };
  } catch {
    return null; // Not base64, or no JSON in it.
  }
}

/** The tokens that this page was loaded with: those of the build, and the person's own (see public/theme.js). */
export function pageTokens(): string[] {
  return Array.from(
    document.querySelectorAll<HTMLMetaElement>('meta[http-equiv="origin-trial" i]'),
    ({ content }) => content,
  );
}
