/** One stack of layers, by their ids. */
export type Kept = { id: string; layers: readonly string[] };

/**
 * What goes so that the layers fit into `maxBytes`: of the stacks, the least recently used first as they come, none of which a layer is held; and the layers
 * that no other stack needs. Where the held ones alone are more than that, all others go.
 */
export function beyondBudget(
  stacks: readonly Kept[],
  sizes: ReadonlyMap<string, number>,
  isHeld: (layer: string) => boolean,
  maxBytes: number,
): { stacks: string[]; layers: string[] } {
  const uses = new Map<string, number>();
  for (const layer of stacks.flatMap((stack) => stack.layers)) uses.set(layer, (uses.get(layer) ?? 0) + 1);
  let bytes = [...uses.keys()].reduce((sum, layer) => sum + (sizes.get(layer) ?? 0), 0);
  const gone = { stacks: [] as string[], layers: [] as string[] };
  for (const stack of stacks) {
    if (bytes <= maxBytes) break;
    const [top] = stack.layers;
    if (top !== undefined && isHeld(top)) continue;
    gone.stacks.push(stack.id);
    for (const layer of stack.layers) {
      const left = (uses.get(layer) ?? 1) - 1;
      uses.set(layer, left);
      if (left > 0 || isHeld(layer)) continue;
      gone.layers.push(layer);
      bytes -= sizes.get(layer) ?? 0;
    }
  }
  return gone;
}
