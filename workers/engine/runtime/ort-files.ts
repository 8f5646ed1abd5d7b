/**
 * Addresses of ONNX Runtime's glue and WebAssembly in the built app, for `env.wasm.wasmPaths`. The builds with external files are
 * used (see `resolve.conditions` in vite.config.ts): bundled glue would start its threads from our own worker's file.
 */
import jspiGlue from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url';
import jspiWasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import plainGlue from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import plainWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';

/** Absolute URLs of the two files that one build of ONNX Runtime fetches. */
export interface OrtFiles {
  mjs: string;
  wasm: string;
}

const absolute = (url: string): string => new URL(url, self.location.href).href;

/** For `import('onnxruntime-web/jspi')`: WASM, WebGPU and WebNN; needs `WebAssembly.Suspending`. */
export const ORT_JSPI_FILES: OrtFiles = { mjs: absolute(jspiGlue), wasm: absolute(jspiWasm) };

/** For `import('onnxruntime-web/wasm')`: CPU only, and its glue needs no `'unsafe-eval'`. */
export const ORT_WASM_FILES: OrtFiles = { mjs: absolute(plainGlue), wasm: absolute(plainWasm) };
