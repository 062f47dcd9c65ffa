import { createReadStream } from "node:fs";
import type { Logger } from "pino";
import { crashAt } from "../crash.ts";
import type { Checkpoint, SavedTree } from "../domain/checkpoint.ts";
import type { Mirror } from "../forge/git/mirror.ts";
import { openTreeStore } from "../forge/git/tree-store.ts";
import { type Sandbox, SandboxLost } from "../sandbox/sandbox.ts";
import { openBlob, readBlob } from "../store/blobs.ts";
import type { Db } from "../store/db.ts";
import { thinCheckpoints } from "../store/thin-checkpoints.ts";
import { checkOut, takePack } from "./checkout.ts";
import { fieldsOf, GITLINK, gitOn, indexTree } from "./indexed-tree.ts";
import { patient, untilAborted } from "./run-log.ts";
import { privateGit, streamFromSandbox, type TreePlace } from "./sandbox-git.ts";

const SAVE_LIMIT_MS = 5 * 60_000;
/** A tree is put together from at most so many packs; then one is sent that has all. */
const MOST_PACKS = 32;
const OBJECT_ID = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/** What stands in the way of restoring a saved tree, in words. */
export class CheckpointBroken extends Error {
  override readonly name = "CheckpointBroken";
}

/** Saves and restores the working tree of one run. Calls are done one after another. Disposal removes what is kept on this host, not what was saved. */
export interface Checkpoints extends AsyncDisposable {
  /** What the working tree holds now: the same that collectPatch would find. Rejects on abort and SandboxLost. */
  save(signal: AbortSignal): Promise<Checkpoint>;
  /** The tree that collectPatch has just taken its patch from. */
  saveCollected(signal: AbortSignal): Promise<Checkpoint>;
  /** Whether the tree, as it was when last asked to be saved, is that of the base. false also where that is not known. */
  isUnchanged(): Promise<boolean>;
  /** Makes the tree of a sandbox at the base into the saved one. Throws CheckpointBroken; then the sandbox is of no use any more. */
  restore(saved: SavedTree, signal: AbortSignal): Promise<void>;
}

export type CheckpointParts = {
  db: Db;
  home: string;
  taskId: string;
  mirror: Mirror;
  sandbox: Sandbox;
  tree: TreePlace;
  /** The commit that the tree began at. */
  base: string;
  /** Of one pack. */
  maxBytes: number;
  /** Of all packs of the task; beyond, those go that nothing goes on from. */
  keepBytes: number;
  log: Logger;
};

export async function openCheckpoints({
  db,
  home,
  taskId,
  mirror,
  sandbox,
  tree: place,
  base,
  maxBytes,
  keepBytes,
  log,
}: CheckpointParts): Promise<Checkpoints> {
  const store = await openTreeStore(home, mirror);
  let last: SavedTree | null = null;
  /** Of the packs of `last`. */
  let lastBytes = 0;
  let isKnown = true;
  let turn: Promise<unknown> = Promise.resolve();
  const over = new AbortController();

  function next<T>(work: () => Promise<T>): Promise<T> {
    const done = turn.then(work);
    turn = done.catch(() => {});
    return done;
  }

  async function saveIndex(signal: AbortSignal): Promise<SavedTree> {
    const tree = await idFrom(["write-tree"], signal);
    if (tree === last?.tree) return last;
    crashAt("checkpoint: indexed");
    const goesOn = last && last.packs.length < MOST_PACKS && lastBytes <= keepBytes / 2; // only whole lines of packs can be let go
    const known: SavedTree = goesOn && last ? last : { tree: await idFrom(["rev-parse", `${base}^{tree}`], signal), packs: [] };
    const limit = goesOn ? maxBytes : Math.max(maxBytes, lastBytes); // the whole may take what its pieces took
    const path = tree === known.tree ? null : await store.add(packSince(known.tree, tree, signal), limit, signal);
    if (!(await store.has(tree, signal))) throw new Error("the sandbox did not send the whole tree");
    crashAt("checkpoint: pack checked");
    const kept = path === null ? null : await keep(path, limit, signal);
    last = { tree, packs: kept === null ? known.packs : [...known.packs, kept.id] };
    lastBytes = (known.packs.length > 0 ? lastBytes : 0) + (kept?.bytes ?? 0);
    if (kept) await thin(signal);
    return last;
  }

  async function idFrom(args: string[], signal: AbortSignal): Promise<string> {
    const id = (await gitOn(sandbox, place, signal)(args)).toString().trimEnd();
    if (!OBJECT_ID.test(id)) throw new Error(`git ${args[0]} in the sandbox named no object`);
    return id;
  }

  /** What one tree has and another has not, found by comparing them, since a walk through both would take as long as they are large. */
  async function* packSince(before: string, tree: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    const compare = ["diff-tree", "-r", "-t", "--raw", "-z", "--no-renames", "--no-abbrev", "--diff-filter=d", before, tree];
    const fields = fieldsOf(await gitOn(sandbox, place, signal)(compare));
    const ids = fields.filter((_, index) => index % 2 === 0).map((meta) => meta.split(" "));
    const wanted = new Set([tree, ...ids.filter(([, mode]) => mode !== GITLINK).map(([, , , id = ""]) => id)]);
    const stdin = Buffer.from([...wanted].map((id) => `${id}\n`).join(""));
    yield* streamFromSandbox(
      sandbox,
      { ...privateGit(place, "pack-objects", "--quiet", "--stdout", "--delta-base-offset"), stdin },
      signal,
    );
  }

  async function keep(path: string, limit: number, signal: AbortSignal): Promise<{ id: string; bytes: number }> {
    const blob = await openBlob(patient(db, signal), taskId, "checkpoint", limit);
    for await (const bytes of createReadStream(path)) await blob.write(bytes);
    const { bytes } = await blob.close();
    crashAt("checkpoint: blob stored");
    return { id: blob.id, bytes };
  }

  /** What it leaves undone, the next one does. */
  async function thin(signal: AbortSignal): Promise<void> {
    await untilAborted(thinCheckpoints(db, taskId, keepBytes), signal).catch((error) =>
      log.warn({ err: error, task: taskId }, "old checkpoints could not be removed"),
    );
  }

  /** Of all that can go wrong only what ends the run anyway is thrown: work goes on where it cannot be saved. */
  async function tried(save: (limit: AbortSignal) => Promise<SavedTree>, signal: AbortSignal): Promise<Checkpoint> {
    const deadline = AbortSignal.timeout(SAVE_LIMIT_MS);
    isKnown = false;
    try {
      const saved = await save(AbortSignal.any([signal, deadline, over.signal]));
      isKnown = true;
      return saved;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof SandboxLost) throw error;
      log.warn({ err: error, task: taskId }, "a checkpoint could not be saved");
      return { lost: deadline.aborted ? `it took longer than ${SAVE_LIMIT_MS / 60_000} minutes` : messageOf(error) };
    }
  }

  async function takeBack(saved: SavedTree, signal: AbortSignal): Promise<void> {
    let taken = 0;
    for (const blob of saved.packs) {
      const { bytes, chunks } = await readBlob(patient(db, signal), taskId, blob, "checkpoint");
      taken += bytes;
      await store.add(chunks, bytes, signal);
    }
    if (!(await store.has(saved.tree, signal))) throw new Error("its tree is not in it");
    if (saved.packs.length > 0) await takePack(sandbox, place, store.packOf(saved.tree, base, signal), signal);
    await checkOut(sandbox, place, { commit: saved.tree }, signal);
    last = saved;
    lastBytes = taken;
  }

  return {
    save: (signal) =>
      next(() =>
        tried(async (limit) => {
          await indexTree(gitOn(sandbox, place, limit), place, base);
          return saveIndex(limit);
        }, signal),
      ),
    saveCollected: (signal) => next(() => tried(saveIndex, signal)),
    isUnchanged: () => next(async () => isKnown && (last === null || last.packs.length === 0)), // only the base's own tree needs no pack
    restore: (saved, signal) =>
      next(() =>
        takeBack(saved, signal).catch((error) => {
          signal.throwIfAborted();
          if (error instanceof SandboxLost) throw error;
          throw new CheckpointBroken(`the saved working tree could not be restored: ${messageOf(error)}`, { cause: error });
        }),
      ),
    async [Symbol.asyncDispose]() {
      over.abort();
      await turn;
      await store[Symbol.asyncDispose]();
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
