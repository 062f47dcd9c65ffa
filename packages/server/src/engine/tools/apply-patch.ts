import { z } from "zod";
import { type Sandbox, SandboxLost } from "../../sandbox/sandbox.ts";
import { messageOf } from "../text.ts";
import { absolute, type Change, changeFiles, wholeFile } from "./files.ts";
import { withHunks } from "./hunks.ts";
import { type FilePatch, parsePatch } from "./patch-format.ts";
import { textFile } from "./text-file.ts";
import { answering, type Tool } from "./tool.ts";

const MOST_FILES = 200;

const ApplyPatchInput = z.strictObject({ input: z.string() });
type ApplyPatchInput = z.infer<typeof ApplyPatchInput>;

export const applyPatchTool: Tool<ApplyPatchInput> = {
  name: "apply_patch",
  description: [
    "Changes files by a patch, all of it or nothing:",
    "*** Begin Patch",
    "*** Update File: a.py (then optionally *** Move to: b.py)",
    "@@ def f():",
    " 3 lines of context",
    "-old",
    "+new",
    "*** Add File: c.py",
    "+every line",
    "*** Delete File: d.py",
    "*** End Patch",
  ].join("\n"),
  input: ApplyPatchInput,
  readsOnly: false,
  run: answering(async ({ input }, { sandbox, workspace }, signal) => {
    const tree = new PatchedTree(sandbox, workspace, signal);
    const told = await taken(input, tree).catch((error) => {
      throw error instanceof SandboxLost ? error : new Error(`Nothing of the patch is applied: ${messageOf(error)}`);
    });
    await changeFiles(sandbox, tree.changes(), signal);
    return told.join("\n");
  }),
};

/** What the patch does to each file, in words. Throws, in words for the model, where it does not fit. */
async function taken(input: string, tree: PatchedTree): Promise<string[]> {
  const patches = parsePatch(input);
  if (patches.length > MOST_FILES) throw new Error(`there are more than ${MOST_FILES} files in it`);
  const told: string[] = [];
  for (const patch of patches) told.push(await tree.take(patch));
  return told;
}

/** The files as the patch leaves them, before any is written. A file may be in a patch more than once. */
class PatchedTree {
  readonly #sandbox: Sandbox;
  readonly #workspace: string;
  readonly #signal: AbortSignal;
  readonly #before = new Map<string, Buffer | null>();
  readonly #now = new Map<string, Buffer | null>();
  readonly #movedFrom = new Map<string, string>();

  constructor(sandbox: Sandbox, workspace: string, signal: AbortSignal) {
    this.#sandbox = sandbox;
    this.#workspace = workspace;
    this.#signal = signal;
  }

  /** Throws, in words for the model, where it does not fit. */
  async take(patch: FilePatch): Promise<string> {
    const target = absolute(patch.path, this.#workspace);
    const bytes = await this.#read(target);
    if (patch.kind === "add") {
      if (bytes !== null) throw new Error(`${patch.path} exists already: update it, or delete it first in the same patch`);
      this.#now.set(target, Buffer.from(patch.text));
      return `A ${patch.path}`;
    }
    if (bytes === null) throw new Error(`there is no file ${patch.path}`);
    if (patch.kind === "delete") {
      this.#now.set(target, null);
      return `D ${patch.path}`;
    }
    const file = textFile(bytes);
    if (file === null && patch.hunks.length > 0) throw new Error(`${patch.path} is a binary file`);
    const changed = file && patch.hunks.length > 0 ? file.encode(withHunks(file, patch.hunks, patch.path)) : bytes;
    if (patch.moveTo === null) {
      this.#now.set(target, changed);
      return `M ${patch.path}`;
    }
    const moved = absolute(patch.moveTo, this.#workspace);
    if (moved !== target && (await this.#read(moved)) !== null) throw new Error(`${patch.moveTo} exists already`);
    this.#now.set(target, null);
    this.#now.set(moved, changed);
    this.#movedFrom.set(moved, this.#movedFrom.get(target) ?? target);
    return `R ${patch.path} -> ${patch.moveTo}`;
  }

  /** What is different from what there is, removals last. */
  changes(): Change[] {
    const all = [...this.#now].map(([path, bytes]) => ({ path, bytes, like: this.#likeOf(path) }));
    const real = all.filter(({ path, bytes }) => bytes !== null || this.#before.get(path));
    return real.sort((a, b) => Number(a.bytes === null) - Number(b.bytes === null));
  }

  #likeOf(path: string): string | undefined {
    const from = this.#movedFrom.get(path);
    return from !== undefined && this.#before.get(from) ? from : undefined;
  }

  async #read(target: string): Promise<Buffer | null> {
    const now = this.#now.get(target);
    if (now !== undefined) return now;
    const before = this.#before.get(target) ?? (await wholeFile(this.#sandbox, target, this.#signal));
    this.#before.set(target, before);
    return before;
  }
}
