import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { TaskSummary } from "@farhand/protocol";
import { type Change, type Risk, readRawDiff, refusalOf, risksOf } from "../change-set.ts";
import { type Clone, cloneName, openClone } from "../clone.ts";
import { FAILED, Failure } from "../failure.ts";
import { answer, client, type Invocation } from "../invocation.ts";
import { lastWords } from "../local-git.ts";
import { safe, safeLine } from "../safe-text.ts";
import { count } from "../words.ts";
import { type DiffOptions, findPatch } from "./diff.ts";

const MAX_READ_BYTES = 1024 * 1024;
const SHOWN_RISKS = 30;

type Outcome = { applied: number; skipped: number; conflicts: string[]; reasons: string[] };

/** Merges a task's change into the clone here and stages it. Returns 0 only if all of it fits. With `check` nothing is changed. */
export async function apply(invocation: Invocation, options: DiffOptions & { check?: boolean }): Promise<number> {
  const { screen } = invocation;
  await using clone = await openClone(invocation.cwd);
  const { task, attempt, patch } = await findPatch(await client(invocation), options);
  const base = await baseIn(clone, task);
  const changes = await changesOf(clone, base, patch);
  const contents = (blob: string) => textOf(clone, blob);
  const refusal = (await refusalOf(changes, contents)) ?? (await behindLink(clone, changes));
  if (refusal) throw new Failure(`this change is refused and nothing was applied: ${refusal}`);
  const risks = await risksOf(changes, contents);
  if (risks.length > 0 && !invocation.json) screen.err(riskText(risks));
  const inTheWay = await obstacles(clone, changes);
  const attempting = options.check ? tryOut : merge;
  const outcome = inTheWay.length > 0 ? nothing(changes, inTheWay) : await attempting(clone, changes, patch);
  const good = outcome.applied === changes.length;
  const files = changes.map(({ path, status }) => ({ path, status }));
  const document = { task: task.id, attempt, check: options.check === true, ...outcome, files, risks };
  await answer(invocation, document, () => outcomeText(task.id, changes.length, outcome, options.check === true));
  return good ? 0 : FAILED;
}

/** The commit that the change stands on. That this clone has it shows that it is the same repository. */
async function baseIn(clone: Clone, task: TaskSummary): Promise<string> {
  const base = task.baseCommit ?? "";
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(base)) throw new Failure(`it is not known which commit task ${task.id} stands on`);
  const { code } = await clone.git(["cat-file", "-e", `${base}^{commit}`]);
  if (code === 0) return base;
  throw new Failure(
    `${cloneName(clone)} does not have commit ${base.slice(0, 12)}, which task ${task.id} stands on.\n` +
      `If this is a clone of the repository of environment ${safeLine(task.environment.name)}, fetch and try again (git fetch --all); else go into one.`,
  );
}

/** What the patch does to its own base, as git itself sees it. */
async function changesOf(clone: Clone, base: string, patch: Uint8Array): Promise<Change[]> {
  const index = await clone.scratchIndex("empty");
  const steps: [string[], Uint8Array?][] = [[["read-tree", base]], [["apply", "--cached", "--binary", "--whitespace=nowarn", "-"], patch]];
  for (const [args, stdin] of steps) {
    const { code, stderr } = await clone.git(args, { index, ...(stdin ? { stdin } : {}) });
    if (code !== 0)
      throw new Failure(`this change does not fit the commit that it was made from, and nothing was applied: ${lastWords(stderr)}`);
  }
  const { code, stdout, stderr } = await clone.git(["diff-index", "--cached", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", base], {
    index,
  });
  if (code !== 0) throw new Failure(`the change could not be read: ${lastWords(stderr)}`);
  return readRawDiff(stdout);
}

async function textOf(clone: Clone, blob: string): Promise<string> {
  const { code, stdout } = await clone.git(["cat-file", "blob", blob]);
  return code === 0 ? stdout.subarray(0, MAX_READ_BYTES).toString("utf8") : "";
}

/** A folder of the user's that is a link would carry a file elsewhere. */
async function behindLink(clone: Clone, changes: readonly Change[]): Promise<string | null> {
  const folders = new Set(changes.flatMap(({ path }) => path.split("/").map((_, index, parts) => parts.slice(0, index).join("/"))));
  for (const folder of folders) {
    if (folder === "") continue;
    const found = await lstat(join(clone.root, folder)).catch(() => null);
    if (found?.isSymbolicLink()) return `${folder} is a link here, and the change has files beneath it`;
  }
  return null;
}

const APPLY = ["apply", "--3way", "--binary", "--whitespace=nowarn"];

async function merge(clone: Clone, changes: readonly Change[], patch: Uint8Array): Promise<Outcome> {
  const { code, stderr } = await clone.git([...APPLY, "-"], { stdin: patch, keep: true });
  if (code === 0) return { applied: changes.length, skipped: 0, conflicts: [], reasons: [] };
  const conflicts = await unmerged(clone, clone.index);
  if (conflicts.length === 0) return nothing(changes, await reasons(clone, changes, stderr));
  return { applied: changes.length - conflicts.length, skipped: 0, conflicts, reasons: [] };
}

/** The same on a copy of the index, after asking whether the files on disk would allow it. */
async function tryOut(clone: Clone, changes: readonly Change[], patch: Uint8Array): Promise<Outcome> {
  const disk = await clone.git([...APPLY, "--check", "-"], { stdin: patch });
  if (disk.code !== 0) return nothing(changes, await reasons(clone, changes, disk.stderr));
  const index = await clone.scratchIndex("copy");
  const { code, stderr } = await clone.git([...APPLY, "--cached", "-"], { stdin: patch, index });
  if (code === 0) return { applied: changes.length, skipped: 0, conflicts: [], reasons: [] };
  const conflicts = await unmerged(clone, index);
  return conflicts.length === 0
    ? nothing(changes, await reasons(clone, changes, stderr))
    : { applied: changes.length - conflicts.length, skipped: 0, conflicts, reasons: [] };
}

function nothing(changes: readonly Change[], reasons: string[]): Outcome {
  return { applied: 0, skipped: changes.length, conflicts: [], reasons };
}

async function unmerged(clone: Clone, index: string): Promise<string[]> {
  const { stdout } = await clone.git(["ls-files", "-u", "-z"], { index });
  const paths = stdout.toString("utf8").split("\0").filter(Boolean);
  return [...new Set(paths.map((entry) => entry.slice(entry.indexOf("\t") + 1)))];
}

const IN_WORDS: readonly (readonly [RegExp, string])[] = [
  [/^(.*): does not match index$/, "has changes that are not committed: commit or stash them"],
  [/^(.*): does not exist in index$/, "is not in your branch"],
  [/^(.*): already exists in (?:index|working directory)$/, "exists here already"],
  [/^(.*): patch does not apply$/, "is too different here"],
  [/^Unable to create '(.*index\.lock)'/, "exists: another git is at work here, or one was killed (then remove the file)"],
];

/** Why git applied nothing: its errors, the first of each path. */
async function reasons(clone: Clone, changes: readonly Change[], stderr: string): Promise<string[]> {
  const found = new Map<string, string>();
  for (const path of await occupied(clone, changes)) found.set(path, `${path} exists here already, and git does not know it: move it away`);
  for (const line of stderr.split("\n")) {
    const words = /^(?:error|fatal): (.*)$/.exec(line)?.[1];
    if (!words || /^(patch failed:|repository lacks|cannot read the current contents)/.test(words)) continue; // another line says it better
    const [path, meaning] = IN_WORDS.map(([pattern, meaning]) => [pattern.exec(words)?.[1], meaning] as const).find(([path]) => path) ?? [];
    const key = path ?? words;
    if (!found.has(key)) found.set(key, path ? `${path} ${meaning}` : words);
  }
  return found.size > 0 ? [...found.values()] : [lastWords(stderr) || "git did not say why"];
}

/** What git would not see, or would mend unasked: an open conflict, and files of the index that are not on disk, which it would bring back. */
async function obstacles(clone: Clone, changes: readonly Change[]): Promise<string[]> {
  const [open] = await unmerged(clone, clone.index);
  if (open !== undefined) return [`${open} has a conflict already: resolve what is open first`];
  const known = await indexed(clone);
  const missing: string[] = [];
  for (const { path, status } of changes) if (status !== "A" && known.has(path) && !(await exists(clone, path))) missing.push(path);
  return missing.map((path) => `${path} is not on your disk: restore it, commit its removal, or widen your sparse checkout`);
}

/** Where a new file would come, something lies that is not in the index. */
async function occupied(clone: Clone, changes: readonly Change[]): Promise<string[]> {
  const known = await indexed(clone);
  const paths: string[] = [];
  for (const { path, status } of changes) if (status === "A" && !known.has(path) && (await exists(clone, path))) paths.push(path);
  return paths;
}

/** Paths in the index, without those that are no UTF-8: they could not be looked up on disk. */
async function indexed(clone: Clone): Promise<Set<string>> {
  const { stdout } = await clone.git(["ls-files", "-z"]);
  const paths = stdout.toString("utf8").split("\0");
  return new Set(paths.filter((path) => path && !path.includes("\ufffd")));
}

function exists(clone: Clone, path: string): Promise<boolean> {
  return lstat(join(clone.root, path)).then(
    () => true,
    () => false,
  );
}

function outcomeText(id: string, files: number, outcome: Outcome, check: boolean): string {
  const { applied, skipped, conflicts } = outcome;
  const counts = `(applied=${applied}, skipped=${skipped}, conflicts=${conflicts.length})`;
  if (applied === files)
    return check ? `Task ${id} would apply cleanly (${files} files)\n` : `Applied task ${id} locally (${files} files)\n`;
  const lines = [...conflicts.map((path) => `  conflict: ${safeLine(path)}`), ...outcome.reasons.map((reason) => `  ${safe(reason)}`)];
  const [none, some] = check
    ? ["Task X would not apply", "Task X would apply with conflicts"]
    : ["Apply failed for task X", "Apply partially succeeded for task X"];
  return `${(conflicts.length > 0 ? some : none).replace("X", id)} ${counts}\n${lines.join("\n")}\n`;
}

function riskText(risks: readonly Risk[]): string {
  const shown = risks.slice(0, SHOWN_RISKS).map(({ path, reason }) => `  ${safeLine(path)} ${safeLine(reason)}\n`);
  const more = risks.length > SHOWN_RISKS ? `  and ${risks.length - SHOWN_RISKS} more\n` : "";
  return `This change could make this machine run something later (${count(risks.length, "place")}); read it first:\n${shown.join("")}${more}`;
}
