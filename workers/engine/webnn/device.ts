/** A WebNN context: opens it, finds out which device really runs, and reports its loss. */
import { PhiError } from '../../shared/errors.ts';
import type { DeviceType } from '../../shared/protocol.ts';
import { webnnScope, type MLContext, type MLDataType, type MLTensor } from './api.ts';
import { probe, type Probe } from './probe.ts';

const BYTES: Partial<Record<MLDataType, number>> = { float32: 4, float16: 2, int32: 4, int8: 1, uint8: 1, int4: 0.5 };

export class WebnnDevice {
  readonly context: MLContext;
  readonly probe: Probe;
  /** Rejects with `device-lost` when the context goes away. */
  readonly lost: Promise<never>;
  #lostError: PhiError | null = null;
  readonly #tensors: MLTensor[] = [];
  #bytes = 0;

  private constructor(context: MLContext, found: Probe) {
    this.context = context;
    this.probe = found;
    this.lost = context.lost.then(({ message }) => {
      this.#lostError = new PhiError('device-lost', `WebNN: the context was lost (${message || 'no reason given'}).`);
      throw this.#lostError;
    });
    this.lost.catch(() => undefined); // the code that waits has its own handler
  }

  /** Opens a context and tries small graphs in it. Rejects with `backend` and a reason in words. */
  static async open(deviceType: DeviceType): Promise<WebnnDevice> {
    const { ml } = webnnScope.navigator;
    if (!ml || !webnnScope.MLGraphBuilder) {
      throw new PhiError(
        'backend',
        'WebNN: this browser has no navigator.ml. In Chrome and Edge, turn it on at chrome://flags/#web-machine-learning-neural-network.',
      );
    }
    let context: MLContext;
    try {
      context = await ml.createContext({ deviceType });
    } catch (error) {
      throw new PhiError(
        'backend',
        `WebNN: the browser did not create a context for ${deviceType.toUpperCase()}: ${PhiError.from(error).message}`,
        undefined,
        {
          cause: error,
        },
      );
    }
    try {
      return new WebnnDevice(context, await probe(context));
    } catch (error) {
      context.destroy();
      throw new PhiError('backend', `WebNN: a small graph did not run: ${PhiError.from(error).message}`, undefined, {
        cause: error,
      });
    }
  }

  /** True if graphs accept tensors of this type as inputs. */
  takes(dataType: MLDataType): boolean {
    return this.context.opSupportLimits().input.dataTypes.includes(dataType);
  }

  /** "CPU", "NPU and CPU"; the requested device if the browser does not report it. */
  describe(devices: readonly string[] | null | undefined): string {
    if (!devices || devices.length === 0) return 'WebNN on a device that the browser does not name';
    return `WebNN on ${devices.map((device) => device.toUpperCase()).join(' and ')}`;
  }

  /** A tensor of zeros that lives as long as the device. */
  async tensor(dataType: MLDataType, shape: readonly number[], access: { readable?: boolean } = {}): Promise<MLTensor> {
    this.#bytes += shape.reduce((product, dim) => product * dim, 1) * (BYTES[dataType] ?? 8);
    const tensor = await this.context.createTensor({ dataType, shape, writable: true, ...access });
    this.#tensors.push(tensor);
    return tensor;
  }

  /** Bytes of all tensors. */
  get tensorBytes(): number {
    return this.#bytes;
  }

  /** `work`, ended by the loss of the context. */
  async watched<T>(work: () => Promise<T>): Promise<T> {
    if (this.#lostError) throw this.#lostError;
    try {
      return await Promise.race([work(), this.lost]);
    } catch (error) {
      await Promise.resolve(); // a lost context first rejects calls in flight, and reports its loss afterwards
      throw this.#lostError ?? PhiError.from(error, 'backend');
    }
  }

  destroy(): void {
    for (const tensor of this.#tensors) tensor.destroy();
    this.context.destroy();
  }
}
