/** Puts planned weights into a graph as external data: the graph names their places, the session gets their bytes. */
import { tensorRanges, type TensorRange, type WeightGroup } from '../weights/plan.ts';
import type { Graph, Value } from './onnx.ts';

/** Declares a group's tensors as external initializers of `graph`. */
export function declare(graph: Graph, group: WeightGroup): Value[] {
  return tensorRanges(group).map((range) => declareRange(graph, group.location, range));
}

/** Declares one of them. */
export function declareRange(graph: Graph, location: string, { tensor, start, end }: TensorRange): Value {
  return graph.external(tensor.name, tensor.dtype, tensor.dims, { location, offset: start, length: end - start });
}
