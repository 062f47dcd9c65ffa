import { beyondBudget } from "../domain/layer-budget.ts";
import type { LayerId } from "../sandbox/sandbox.ts";
import { forgetStack, stacksOf } from "../store/layer-stacks.ts";
import { isHeld, letGo } from "./layers.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import type { LayerParts } from "./parts.ts";

/** A layer never changes, so it is measured once. */
const measured = new Map<LayerId, number>();

/**
 * Removes what is beyond the disk budget, the least recently used first; never what a sandbox stands on or is about to. Where the disk is full when its turn comes,
 * the budget is half of what is there.
 */
export async function trimLayers(parts: LayerParts, signal: AbortSignal): Promise<void> {
  const { db, sandboxes, config } = parts;
  await oneAtATime("layers", signal, async () => {
    const stacks = await stacksWithIds(parts);
    const sizes = new Map<LayerId, number>();
    for (const id of new Set(stacks.flatMap((stack) => stack.layers))) {
      const bytes = measured.get(id) ?? (await sandboxes.layerBytes(id));
      if (bytes !== null) measured.set(id, bytes);
      sizes.set(id, bytes ?? 0);
    }
    const isFull = (await sandboxes.full()) !== null;
    const budget = isFull ? [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0) / 2 : config.maxLayersBytes;
    const gone = beyondBudget(stacks, sizes, isHeld, budget);
    for (const id of gone.stacks) await forgetStack(db, id); // first the row, so that none names a layer that is gone
    for (const id of gone.layers) await remove(parts, id);
  });
}

/** Removes layers that no stack names: what a killed worker left. Only before the first run, since a layer is sealed before its stack is kept. */
export async function dropUnknownLayers(parts: LayerParts): Promise<void> {
  const known = new Set((await stacksWithIds(parts)).flatMap((stack) => stack.layers));
  for (const id of await parts.sandboxes.layers()) if (!known.has(id)) await remove(parts, id);
}

async function stacksWithIds({ db, sandboxes, config }: LayerParts): Promise<{ id: string; layers: LayerId[] }[]> {
  const stacks = await stacksOf(db, config.workerName);
  return Promise.all(
    stacks.map(async ({ id, layers, owner }) => {
      const ids = await Promise.all(layers.map((key) => sandboxes.layer(key, owner)));
      return { id, layers: ids.filter((one) => one !== null) };
    }),
  );
}

async function remove({ sandboxes }: LayerParts, id: LayerId): Promise<void> {
  if (!letGo(id)) return;
  measured.delete(id);
  await sandboxes.removeLayer(id);
}
