/** Graphics adapters that are programs: Chromium's SwiftShader, Mesa's llvmpipe and lavapipe, Windows' WARP. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|warp|basic render|software/i;

/** True if the adapter's own words (architecture, description, device) say that it is a program. */
export const isSoftwareAdapter = (...words: string[]): boolean => SOFTWARE.test(words.join(' '));
