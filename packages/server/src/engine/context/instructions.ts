import type { ToolCall } from "../models/model.ts";

/** What the repository's owners tell every agent. `folder`: where it holds, and in what is beneath; "" = everywhere. */
export type Instructions = { folder: string; path: string; text: string };

/** One of each folder: the first of these that it has. */
const NAMES = ["AGENTS.override.md", "AGENTS.md", "CLAUDE.md"];
const MOST_FILES = 100;
const MOST_BYTES = 32 * 1024;
const MOST_SHOWN = 20;

/** Which of these files hold instructions, the ones nearest to the root first. */
export function instructionPaths(paths: readonly string[]): string[] {
  const byFolder = new Map<string, string>();
  for (const path of paths) {
    const slash = path.lastIndexOf("/");
    const rank = NAMES.indexOf(path.slice(slash + 1));
    if (rank === -1) continue;
    const folder = path.slice(0, Math.max(0, slash));
    const known = byFolder.get(folder);
    if (known === undefined || rank < NAMES.indexOf(known.slice(known.lastIndexOf("/") + 1))) byFolder.set(folder, path);
  }
  const depth = (folder: string) => (folder === "" ? 0 : folder.split("/").length);
  return [...byFolder]
    .toSorted(([a], [b]) => depth(a) - depth(b) || (a < b ? -1 : 1))
    .slice(0, MOST_FILES)
    .map(([, path]) => path);
}

/** The instructions in these files, in the same order, as far as the space for all of them reaches. */
export function instructionsFrom(files: readonly { path: string; text: string }[]): Instructions[] {
  let left = MOST_BYTES;
  const found: Instructions[] = [];
  for (const { path, text } of files) {
    if (left === 0) break;
    const bytes = Buffer.from(text.trim());
    const whole = bytes.length <= left;
    const kept = whole
      ? text.trim()
      : `${bytes
          .subarray(0, left)
          .toString("utf8")
          .replace(/\ufffd$/, "")}\n[... cut here: together such files may have ${MOST_BYTES} bytes ...]`;
    left = whole ? left - bytes.length : 0;
    if (kept !== "") found.push({ folder: path.slice(0, Math.max(0, path.lastIndexOf("/"))), path, text: kept });
  }
  return found;
}

/** What stands in the system prompt: those for the whole repository, and where there are others. */
export function instructionsInPrompt(all: readonly Instructions[]): string[] {
  const root = all.filter(({ folder }) => folder === "");
  const deeper = all.filter(({ folder }) => folder !== "").map(({ path }) => path);
  const more = deeper.length > MOST_SHOWN ? ` and ${deeper.length - MOST_SHOWN} more` : "";
  return [
    ...root.map(
      ({ path, text }) => `# Instructions of the repository (${path})\nFollow them; the user's own words go before them.\n\n${text}`,
    ),
    ...(deeper.length === 0
      ? []
      : [
          `Some folders have instructions of their own, which you are given once you work there: ${deeper.slice(0, MOST_SHOWN).join(", ")}${more}.`,
        ]),
  ];
}

/** Those that begin to matter with these calls: a folder of theirs is named there, and they were not given yet. */
export function touched(all: readonly Instructions[], calls: readonly ToolCall[], given: ReadonlySet<string>): Instructions[] {
  const inputs = calls.map(({ input }) => JSON.stringify(input));
  return all.filter(({ folder, path }) => folder !== "" && !given.has(path) && inputs.some((input) => mentions(input, folder)));
}

/** How they are given to the model in the middle of its work. */
export function instructionsGiven({ folder, path, text }: Instructions): string {
  return `${path} holds for ${folder}/ and goes before instructions of folders above it:\n\n${text}`;
}

function mentions(text: string, folder: string): boolean {
  for (let at = text.indexOf(folder); at !== -1; at = text.indexOf(folder, at + 1)) {
    const before = text[at - 1] ?? "";
    const after = text[at + folder.length] ?? "";
    if (!/[\w.-]/.test(before) && !/[\w.-]/.test(after)) return true;
  }
  return false;
}
