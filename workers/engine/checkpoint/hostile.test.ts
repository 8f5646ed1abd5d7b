import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { openOnnx } from './onnx/onnx.ts';
import { openOpenVino } from './openvino/openvino.ts';
import { openSafetensors } from './safetensors/safetensors.ts';
import { folderBytes } from './testing/fixtures.ts';
import { seeded, verdict, withFile, withFlips } from './testing/hostile.ts';
import { putTogether, takeApart, type EditModel } from './testing/onnx-edit.ts';
import { takeTensors } from './testing/safetensors-variants.ts';

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
const repeat = (piece: Uint8Array, count: number) => {
  const out = new Uint8Array(piece.length * count);
  for (let i = 0; i < count; i++) out.set(piece, i * piece.length);
  return out;
};
/** A length-delimited protobuf field. */
function field(no: number, content: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(no, WireType.LengthDelimited).bytes(content).finish();
}

// Each file takes milliseconds; the limit is for machines that are busy with other things.
const options = { timeout: 120_000 };

describe('hostile ONNX', options, () => {
  const FOLDER = 'phi4-mini/onnx-webgpu-int4';
  const bad = { code: 'bad-model' };

  it('truncated at every structural boundary', async () => {
    const files = folderBytes('phi4/onnx-cpu-int4');
    const whole = files.get('model.onnx')!;
    // The start of each node and initializer, and the middle of what lies between.
    const starts: number[] = [];
    for (let at = 0; at < whole.length; at += 997) starts.push(at);
    for (const name of ['MatMulNBits', 'GroupQueryAttention', 'cos_cache', 'model.onnx.data'])
      starts.push(Buffer.from(whole).indexOf(name), Buffer.from(whole).lastIndexOf(name));
    for (const at of starts)
      expect(await verdict(openOnnx, withFile(files, 'model.onnx', whole.subarray(0, at))), `at ${at}`).toMatchObject(
        bad,
      );
  });

  it('truncated data, at the end of each weight', async () => {
    const files = folderBytes('phi4/onnx-cpu-int4');
    const data = files.get('model.onnx.data')!;
    for (const { data: weight } of takeApart(files.get('model.onnx')!, files).tensors) {
      const end = weight.byteOffset - data.byteOffset + weight.length;
      expect(await verdict(openOnnx, withFile(files, 'model.onnx.data', data.subarray(0, end - 1)))).toMatchObject(bad);
    }
  });

  it('random flips', async () => {
    const random = seeded(5);
    const files = folderBytes(FOLDER);
    let refused = 0;
    for (let i = 0; i < 60; i++)
      if (await verdict(openOnnx, withFlips(files, 'model.onnx', 1 + random(8), random))) refused++;
    // Most of this file is rotary tables, whose bits are not all looked at; its structure is never taken wrongly without an error.
    expect(refused).toBeGreaterThan(5);
    const small = folderBytes('phi4/onnx-cpu-int4');
    for (let i = 0; i < 60; i++) await verdict(openOnnx, withFlips(small, 'model.onnx', 1 + random(4), random));
    for (let i = 0; i < 30; i++) await verdict(openOnnx, withFlips(small, 'genai_config.json', 1 + random(3), random));
  });

  it('weights past the end, outside the folder, or of another size', async () => {
    const files = folderBytes('phi4/onnx-cpu-int4');
    const model = text(files.get('model.onnx'));
    expect(model).toContain('model.onnx.data');
    const patched = (from: string, to: string) => {
      const bytes = Buffer.from(files.get('model.onnx')!);
      for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + to.length))
        bytes.write(to, at, 'latin1');
      return withFile(files, 'model.onnx', new Uint8Array(bytes));
    };
    expect(await verdict(openOnnx, patched('model.onnx.data', '../../../.passwd'.slice(0, 15)))).toMatchObject({
      code: 'bad-model',
      message: expect.stringContaining('outside') as string,
    });
    expect(await verdict(openOnnx, patched('model.onnx.data', '/etc/passwd/.../'.slice(0, 15)))).toMatchObject(bad);
    const data = files.get('model.onnx.data')!;
    const last = takeApart(files.get('model.onnx')!, files).tensors.at(-1)!.data;
    const offset = String(last.byteOffset - data.byteOffset);
    expect(await verdict(openOnnx, patched(offset, '9'.repeat(offset.length)))).toMatchObject(bad);
    expect(await verdict(openOnnx, patched(offset, 'x'.repeat(offset.length)))).toMatchObject(bad);
    expect(await verdict(openOnnx, patched(offset, `-${offset.slice(1)}`))).toMatchObject(bad);
  });

  it('graphs in a circle, values made twice, impossible shapes', async () => {
    const edited = (edit: (model: EditModel) => void) => {
      const files = folderBytes('phi4/onnx-cpu-int4');
      const model = takeApart(files.get('model.onnx')!, files);
      edit(model);
      const { model: bytes, data } = putTogether(model, ['model.onnx.data']);
      return new Map([...files, ['model.onnx', bytes] as const, ...data]);
    };
    const products = (model: EditModel) => model.nodes.filter(({ type }) => type === 'MatMulNBits');
    expect(
      await verdict(
        openOnnx,
        edited((model) => (products(model)[0]!.inputs[0] = products(model)[3]!.outputs[0]!)),
      ),
    ).toMatchObject({
      code: 'bad-model',
      message: expect.stringContaining('cycle') as string,
    });
    expect(
      await verdict(
        openOnnx,
        edited((model) => (products(model)[0]!.outputs = products(model)[1]!.outputs)),
      ),
    ).toMatchObject(bad);
    expect(
      await verdict(
        openOnnx,
        edited((model) => (model.tensors[3]!.dims = [2 ** 40, 2 ** 40])),
      ),
    ).toMatchObject(bad);
    expect(
      await verdict(
        openOnnx,
        edited((model) => (model.tensors[3]!.dims = [-5])),
      ),
    ).toMatchObject(bad);
    // Names that every object has.
    for (const name of ['constructor', '__proto__', 'toString']) {
      const renamed = edited((model) =>
        model.nodes.forEach((node) => (node.type = node.type === 'GroupQueryAttention' ? name : node.type)),
      );
      expect(await verdict(openOnnx, renamed), name).toMatchObject({ code: 'unsupported-model' });
    }
    expect(
      await verdict(
        openOnnx,
        edited((model) => (model.tensors.length = 3)),
      ),
    ).toMatchObject({ code: 'unsupported-model' });
    expect(
      await verdict(
        openOnnx,
        edited((model) => (model.nodes = model.nodes.filter(({ type }) => type !== 'Gather'))),
      ),
    ).not.toBeNull();
  });

  it('bombs: fields, nodes, lengths and graphs without end', async () => {
    const files = folderBytes('phi4/onnx-cpu-int4');
    const model = (bytes: Uint8Array) => withFile(files, 'model.onnx', bytes);
    expect(await verdict(openOnnx, model(repeat(Uint8Array.of(8, 1), 10 << 20)))).toMatchObject(bad);
    expect(await verdict(openOnnx, model(field(7, repeat(field(1, new Uint8Array(0)), 4 << 20))))).toMatchObject(bad);
    expect(
      await verdict(openOnnx, model(field(7, repeat(field(1, field(1, Uint8Array.of(65))), 30_000)))),
    ).toMatchObject(bad);
    const op = field(4, new TextEncoder().encode('Cast'));
    expect(await verdict(openOnnx, model(field(7, repeat(field(1, op), 18_000))))).not.toBeNull();
    expect(
      await verdict(openOnnx, model(Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1))),
    ).toMatchObject(bad);
    expect(await verdict(openOnnx, model(new Uint8Array(1 << 20).fill(0xff)))).toMatchObject(bad);
    let graph: Uint8Array = new Uint8Array(0);
    for (let depth = 0; depth < 1000; depth++) {
      const attribute = Buffer.concat([field(6, graph), Uint8Array.of(0xa0, 1, 5)]);
      graph = field(1, field(5, attribute));
    }
    expect(await verdict(openOnnx, model(field(7, graph)))).toMatchObject(bad);
  });

  it('JSON that nests, grows or lies', async () => {
    const files = folderBytes('phi4/onnx-cpu-int4');
    const config = (content: Uint8Array | string) => verdict(openOnnx, withFile(files, 'genai_config.json', content));
    for (const content of [
      '',
      '{',
      'null',
      '[]',
      '{"model":{}}',
      '['.repeat(500_000),
      '{"a":'.repeat(100_000),
      new Uint8Array(3 << 20).fill(0x20),
      Uint8Array.of(0xff, 0xfe),
    ]) {
      expect(await config(content)).toMatchObject(bad);
    }
    expect(
      await config(text(files.get('genai_config.json')).replace('"context_length": 512', '"context_length": 1e99')),
    ).toMatchObject(bad);
    expect(await config(text(files.get('genai_config.json')).replace('"model.onnx"', '"../model.onnx"'))).toMatchObject(
      bad,
    );
  });
});

describe('hostile OpenVINO', options, () => {
  const FOLDER = 'phi3.5-mini/openvino-int4-npu';
  const XML = 'openvino_model.xml';

  it('truncated XML and bin', async () => {
    const files = folderBytes(FOLDER);
    const xml = files.get(XML)!;
    for (let at = 0; at < xml.length; at += 37_003)
      expect(await verdict(openOpenVino, withFile(files, XML, xml.subarray(0, at))), `at ${at}`).toMatchObject({
        code: 'bad-model',
      });
    const bin = files.get('openvino_model.bin')!;
    for (const size of [0, 1000, bin.length >> 1, bin.length - 1]) {
      expect(await verdict(openOpenVino, withFile(files, 'openvino_model.bin', bin.subarray(0, size)))).toMatchObject({
        code: 'bad-model',
      });
    }
  });

  it('random flips', async () => {
    const random = seeded(6);
    const files = folderBytes(FOLDER);
    for (let i = 0; i < 30; i++) await verdict(openOpenVino, withFlips(files, XML, 1 + random(6), random));
    for (let i = 0; i < 30; i++) await verdict(openOpenVino, withFlips(files, 'config.json', 1 + random(3), random));
  });

  it('entities, depth, counts, circles, offsets', async () => {
    const files = folderBytes(FOLDER);
    const xml = text(files.get(XML));
    const open = (content: string) => verdict(openOpenVino, withFile(files, XML, content));
    const bad = { code: 'bad-model' };
    const laughs = Array.from({ length: 20 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('');
    expect(
      await open(`<?xml version="1.0"?><!DOCTYPE net [<!ENTITY l0 "ha">${laughs}]>${xml.slice(xml.indexOf('<net'))}`),
    ).toMatchObject({
      code: 'bad-model',
      message: expect.stringContaining('DOCTYPE') as string,
    });
    expect(await open(xml.replace('name="input_ids"', 'name="&l9;"'))).toMatchObject(bad);
    expect(await open(`<net>${'<a>'.repeat(200_000)}`)).toMatchObject(bad);
    expect(
      await open(
        `<net><layers>${Array.from({ length: 60_000 }, (_, i) => `<layer id="${i}" type="Relu"/>`).join('')}</layers></net>`,
      ),
    ).toMatchObject(bad);
    expect(
      await open(`<net><layers><layer id="0" type="Concat"><input>${'<port id="1"/>'.repeat(50_000)}`),
    ).toMatchObject(bad);
    expect(await open(`<net name="${'x'.repeat(20 << 20)}"/>`)).toMatchObject(bad);
    expect(await open('<html></html>')).toMatchObject(bad);
    expect(await open(xml.replace(/offset="268253"/, 'offset="99999999999"'))).toMatchObject(bad);
    expect(await open(xml.replace(/offset="268253"/, 'offset="-4"'))).toMatchObject(bad);
    expect(await open(xml.replace(/shape="256, 256"/, 'shape="256, 99999999999999"'))).toMatchObject(bad);
    expect(await open(xml.replace(/shape="256, 256"/, `shape="${'9,'.repeat(100_000)}1"`))).toMatchObject(bad);
    // An Add of the residual that takes its own layer's later result.
    const last = /<edge from-layer="(\d+)" from-port="2" to-layer="\d+" to-port="0" \/>\s*<\/edges>/.exec(xml)!;
    expect(
      await open(
        xml.replace(
          /(to-layer="32" to-port="0")/,
          `$1 x="" /><edge from-layer="${last[1]}" from-port="2" to-layer="32" to-port="0"`,
        ),
      ),
    ).toMatchObject(bad);
    expect(await open(xml.replaceAll('element_type="i4"', 'element_type="nf4"'))).toMatchObject({
      code: 'unsupported-model',
      message: expect.stringContaining('nf4') as string,
    });
    expect(await open(xml.replaceAll('type="Swish"', 'type="Gelu"'))).toMatchObject({
      code: 'unsupported-model',
      message: expect.stringContaining('Gelu') as string,
    });
  });
});

describe('hostile safetensors', options, () => {
  it('truncations, flips and headers that lie', async () => {
    const random = seeded(7);
    const bad = { code: 'bad-model' };
    for (const folder of ['phi4', 'phi4-mini/mlx-4bit']) {
      const files = folderBytes(folder);
      const whole = files.get('model.safetensors')!;
      const open = (content: Uint8Array) => verdict(openSafetensors, withFile(files, 'model.safetensors', content));
      const headerBytes = Number(new DataView(whole.buffer).getBigUint64(0, true));
      for (const at of [0, 4, 8, 9, headerBytes, 8 + headerBytes, whole.length >> 1, whole.length - 1])
        expect(await open(whole.subarray(0, at)), `at ${at}`).toMatchObject(bad);
      const header = whole.slice(0, 8 + headerBytes);
      for (let i = 0; i < 60; i++) {
        const copy = whole.slice();
        copy[random(header.length)]! ^= 1 << random(8);
        await open(copy);
      }
      for (const length of [0n, 1n, 2n ** 31n, 2n ** 63n, 2n ** 64n - 1n, BigInt(whole.length)]) {
        const copy = whole.slice();
        new DataView(copy.buffer).setBigUint64(0, length, true);
        expect(await open(copy), String(length)).toMatchObject(bad);
      }
      for (let i = 0; i < 40; i++)
        await verdict(openSafetensors, withFlips(files, 'config.json', 1 + random(3), random));
    }
    expect(takeTensors(folderBytes('phi4').get('model.safetensors')!).size).toBe(21);
  });

  it('tensors that overlap the end, shapes that do not fit, bombs of names', async () => {
    const files = folderBytes('phi4');
    const whole = files.get('model.safetensors')!;
    const headerBytes = Number(new DataView(whole.buffer).getBigUint64(0, true));
    const body = whole.subarray(8 + headerBytes);
    const open = (header: string) => {
      const json = new TextEncoder().encode(header);
      const head = new Uint8Array(8);
      new DataView(head.buffer).setBigUint64(0, BigInt(json.length), true);
      return verdict(
        openSafetensors,
        withFile(files, 'model.safetensors', new Uint8Array(Buffer.concat([head, json, body]))),
      );
    };
    const header = text(whole.subarray(8, 8 + headerBytes));
    expect(await open(header)).toBeNull();
    for (const [from, to] of [
      [/\[640,\s*256\]/, '[640,257]'],
      [/"shape":\s*\[256\]/, '"shape":[1e300]'],
      [/"data_offsets":\s*\[(\d+),\s*(\d+)\]/, '"data_offsets":[$2,$1]'],
      [/"data_offsets":\s*\[\d+,\s*\d+\]/, '"data_offsets":[99999999,100327679]'],
      [/"dtype":\s*"F16"/, '"dtype":"F4"'],
      [/"dtype":\s*"F16"/, '"dtype":"constructor"'],
      [/"lm_head.weight"/, '"lm_head.wait"'],
    ] as const) {
      expect(await open(header.replace(from, to)), to).toMatchObject({ code: 'bad-model' });
    }
    expect(await open(`{${Array.from({ length: 35_000 }, (_, i) => `"t${i}":{"dtype":"F16"}`).join()}}`)).toMatchObject(
      { code: 'bad-model' },
    );
    expect(
      await open(
        `{${Array.from({ length: 14_000 }, (_, i) => `"t${i}":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}`).join()}}`,
      ),
    ).toMatchObject({
      code: 'bad-model',
    });
  });
});
