/**
 * Shader source as Dawn's compiler needs it. WGSL sets `var x : T;` to zero each time that the declaration is reached. Dawn's SPIR-V (seen in Chromium
 * 153 on SwiftShader and in Dawn for Node 0.6.2 on lavapipe, so Linux and Android) sets it once, when the function begins: in a loop the variable
 * keeps the value of the pass before. ONNX Runtime 1.31's attention for prompts sums its scores in such variables, and every prompt of more keys
 * than one subgroup came out wrong.
 */

/** `var name : type;` inside a function. Variables of a module name their address space (`var<private>`) and are left alone. */
const UNINITIALISED = /\bvar\s+(\w+)\s*:\s*([^;=\n]+?)\s*;/g;
/** What has no zero value. */
const HANDLE = /^(texture|sampler|ptr)/;

/** The same program with every local variable set to zero explicitly, which means the same. */
export function initialiseVariables(code: string): string {
  return code.replace(UNINITIALISED, (declaration, name: string, type: string) =>
    HANDLE.test(type) ? declaration : `var ${name} : ${type} = ${type}();`,
  );
}

/** Applies it to every shader that is compiled on `device` from now on, ONNX Runtime's included. */
export function initialiseVariablesOn(device: GPUDevice): void {
  const create = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => create({ ...descriptor, code: initialiseVariables(descriptor.code) });
}
