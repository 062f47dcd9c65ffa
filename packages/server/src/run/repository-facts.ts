import { type Instructions, instructionPaths, instructionsFrom } from "../engine/context/instructions.ts";
import { READ_FOR_COMMANDS, repositoryMap } from "../engine/context/repository-map.ts";
import type { Mirror } from "../forge/git/mirror.ts";
import { contentOf, everyPath, filesAt } from "../forge/git/tree-files.ts";

const MANIFEST_BYTES = 256 * 1024;
const INSTRUCTIONS_BYTES = 256 * 1024;

/** What an agent is told of a repository before it looks itself. */
export type RepositoryFacts = { readonly map: string; readonly instructions: readonly Instructions[] };

/** `trusted`: the commit whose instructions count; a branch of somebody else must not bring its own. */
type Commits = { base: string; trusted: string };

/** Those of the last commits that were asked for: commits do not change, and to read a large tree takes its time before each run. */
const known = new Map<string, RepositoryFacts>();
const MOST_KNOWN = 32;

/** Read from the mirror, so that nothing in a sandbox has a say. */
export async function repositoryFacts(mirror: Mirror, commits: Commits, signal: AbortSignal): Promise<RepositoryFacts> {
  const key = `${commits.base} ${commits.trusted} ${mirror.path}`;
  const facts = known.get(key) ?? (await readFacts(mirror, commits, signal));
  known.delete(key);
  known.set(key, facts);
  for (const oldest of [...known.keys()].slice(0, -MOST_KNOWN)) known.delete(oldest);
  return facts;
}

async function readFacts(mirror: Mirror, commits: Commits, signal: AbortSignal): Promise<RepositoryFacts> {
  const paths = await everyPath(mirror, commits.base, signal);
  const texts = new Map(
    (await textsOf(mirror, commits.base, READ_FOR_COMMANDS, MANIFEST_BYTES, signal)).map(({ path, text }) => [path, text]),
  );
  const all = commits.trusted === commits.base ? paths : await everyPath(mirror, commits.trusted, signal);
  const files = await textsOf(mirror, commits.trusted, instructionPaths(all ?? []), INSTRUCTIONS_BYTES, signal);
  return { map: paths === null ? "" : repositoryMap(paths, texts), instructions: instructionsFrom(files) };
}

async function textsOf(mirror: Mirror, commit: string, paths: readonly string[], maxBytes: number, signal: AbortSignal) {
  if (paths.length === 0) return [];
  const { files } = await filesAt(mirror, commit, paths, signal);
  const found: { path: string; text: string }[] = [];
  for (const path of paths) {
    const file = files.find((one) => one.path === path);
    const text = file ? await contentOf(mirror, file, maxBytes, signal) : null;
    if (text !== null) found.push({ path, text });
  }
  return found;
}
