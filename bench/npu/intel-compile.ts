/**
 * Runs in Node for Windows (under Wine on Linux): compiles one model with Intel's NPU compiler through OpenVINO's C interface, as Chromium does.
 * usage: node intel-compile.ts LIBRARIES KOFFI MODEL PLATFORM BLOB
 * Prints OpenVINO's log, and a last line `RESULT {json}`. The model does not run.
 */
import { createRequire } from 'node:module';

type Native = (...args: unknown[]) => unknown;
interface Koffi {
  load(path: string): { func(prototype: string): Native };
}

const [libraries, koffiFolder, model, platform, blob] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
process.chdir(libraries); // the compiler's library is looked for here
process.env['PATH'] = `${libraries};${process.env['PATH'] ?? ''}`;
const koffi = createRequire(import.meta.url)(koffiFolder) as Koffi;
const openvino = koffi.load(`${libraries}\\openvino_c.dll`);
const call = {
  create: openvino.func('int ov_core_create(_Out_ void **core)'),
  read: openvino.func('int ov_core_read_model(void *core, const char *path, const char *weights, _Out_ void **model)'),
  compile: openvino.func(
    'int ov_core_compile_model(void *core, void *model, const char *device, size_t properties, _Out_ void **compiled, ...)',
  ),
  save: openvino.func('int ov_compiled_model_export_model(void *compiled, const char *path)'),
  message: openvino.func('const char *ov_get_last_err_msg()'),
};
const PROPERTIES: Record<string, string> = {
  EXECUTION_MODE_HINT: 'ACCURACY', // as Chromium asks on a GPU or NPU
  NPU_PLATFORM: platform,
  NPU_COMPILER_TYPE: 'PLUGIN',
  NPU_CREATE_EXECUTOR: '0', // there is no NPU here
  LOG_LEVEL: process.env['PHI_NPU_LOG'] ?? 'LOG_INFO', // prints the estimate
};

function step(name: string, status: unknown): void {
  if (status === 0) return;
  finish({ failed: name, message: String(call.message()), compileMs: 0 });
}

function finish(result: { failed: string | null; message: string; compileMs: number }): never {
  process.stdout.write(`\nRESULT ${JSON.stringify(result)}\n`);
  process.exit(0);
}

const core: unknown[] = [null];
const read: unknown[] = [null];
const compiled: unknown[] = [null];
step('create', call.create(core));
step('read', call.read(core[0], model, null, read));
const started = performance.now();
const properties = Object.entries(PROPERTIES).flat();
const passed = properties.flatMap((text) => ['const char *', text]);
step('compile', call.compile(core[0], read[0], 'NPU', properties.length, compiled, ...passed));
const compileMs = performance.now() - started;
step('export', call.save(compiled[0], blob));
finish({ failed: null, message: '', compileMs });
