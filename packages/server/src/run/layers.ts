import { crashAt } from "../crash.ts";
import { newId } from "../domain/id.ts";
import type { PartHashes } from "../domain/snapshot.ts";
import type { LayerId, Sandbox, SandboxDriver } from "../sandbox/sandbox.ts";
import { findStack, forgetStack, keepStack, type Shelf, type Stack } from "../store/layer-stacks.ts";
import type { LayerParts } from "./parts.ts";
import { patient } from "./run-log.ts";

/** A stack that is wholly on this host's disk, and what a sandbox of it stands on. */
export type Base = Stack & { ids: LayerId[] };

/** How often each layer is stood on or about to be; such a layer is not removed. By layer, of this process: the only one that uses this disk. */
const held = new Map<LayerId, number>();

/** Layers that are being removed. They have no stack any more, and no key is used twice, so this grows by what is removed only. */
const going = new Set<LayerId>();

export const isHeld = (id: LayerId): boolean => held.has(id);

/** From now on nobody may stand on it; false = somebody does. */
export function letGo(id: LayerId): boolean {
  if (held.has(id)) return false;
  going.add(id);
  return true;
}

/** From here to the disposal these layers stay. */
export function holdLayers(): Disposable & { add(ids: readonly LayerId[]): void } {
  const mine: LayerId[] = [];
  return {
    add(ids) {
      for (const id of ids) held.set(id, (held.get(id) ?? 0) + 1);
      mine.push(...ids);
    },
    [Symbol.dispose]() {
      for (const id of mine.splice(0)) {
        const left = (held.get(id) ?? 1) - 1;
        if (left === 0) held.delete(id);
        else held.set(id, left);
      }
    },
  };
}

export type Hold = ReturnType<typeof holdLayers>;

/** The stack that fits best, held. One whose layers are not all there any more is forgotten. */
export async function findBase(
  parts: LayerParts,
  shelf: Shelf,
  owner: number,
  wish: Parameters<typeof findStack>[2],
  hold: Hold,
  signal: AbortSignal,
): Promise<Base | null> {
  const db = patient(parts.db, signal);
  for (;;) {
    const stack = await findStack(db, shelf, wish);
    if (stack === null) return null;
    const base = await onDisk(parts.sandboxes, stack, owner, hold);
    if (base) return base;
    await forgetStack(db, stack.id);
  }
}

/** The stack with its layers held; null = one of them is gone. */
export async function onDisk(sandboxes: SandboxDriver, stack: Stack, owner: number, hold: Hold): Promise<Base | null> {
  const ids: LayerId[] = [];
  for (const key of stack.layers) {
    const id = await sandboxes.layer(key, owner);
    if (id === null) return null;
    hold.add([id]);
    if (going.has(id)) return null;
    ids.push(id);
  }
  return { ...stack, ids };
}

/**
 * Seals the sandbox as the topmost layer on what it stands on, and keeps the stack. The layer's key is used once, and the row comes last: a
 * worker that dies between leaves a layer that nobody knows, never a stack that lacks one.
 */
export async function sealOn(
  parts: LayerParts,
  sandbox: Sandbox,
  below: Pick<Base, "layers" | "ids"> | null,
  shelf: Shelf,
  made: { commit: string; taskId: string | null; variables: Readonly<Record<string, string>>; parts: PartHashes | null },
  hold: Hold,
  signal: AbortSignal,
): Promise<Base> {
  const key = newId("layer");
  const id = await parts.sandboxes.seal(sandbox, key);
  crashAt("layer: sealed");
  hold.add([id]);
  const layers = [key, ...(below?.layers ?? [])];
  const bytes = await parts.sandboxes.layerBytes(id);
  const stack = await keepStack(patient(parts.db, signal), shelf, { ...made, layers, bytes });
  crashAt("layer: kept");
  return { ...stack, ids: [id, ...(below?.ids ?? [])] };
}
