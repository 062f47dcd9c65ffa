import { gitText, streamGit } from "./host-git.ts";
import { type Mirror, noteDamage } from "./mirror.ts";

/** A tag on the way to a commit. `id` is the tag object, or the commit itself for a lightweight tag. */
export type Tag = { name: string; id: string };

/** The tags on a commit and its ancestors. */
export async function tagsOf(mirror: Mirror, commit: string, signal: AbortSignal): Promise<Tag[]> {
  const args = ["for-each-ref", `--merged=${commit}`, "--format=%(objectname) %(refname:lstrip=2)", "refs/tags"];
  const text = await gitText({ gitDir: mirror.path, args, maxBytes: 256 * 1024 * 1024 }, signal);
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => ({ id: line.slice(0, line.indexOf(" ")), name: line.slice(line.indexOf(" ") + 1) }));
}

/**
 * A pack of all that is reachable from the commit and the tags, and nothing else; without what is reachable from `have`, on which it may then
 * lean (to be read with --fix-thin).
 */
export async function* packOf(
  mirror: Mirror,
  want: { commit: string; tags: readonly Tag[]; have: readonly string[] },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const revisions = [want.commit, ...want.tags.map((tag) => tag.id), ...want.have.map((commit) => `^${commit}`)];
  const thin = want.have.length > 0 ? ["--thin"] : [];
  const args = ["pack-objects", "--quiet", "--revs", "--stdout", "--delta-base-offset", ...thin];
  try {
    yield* streamGit({ gitDir: mirror.path, args, stdin: Buffer.from(`${revisions.join("\n")}\n`) }, signal);
  } catch (error) {
    throw await noteDamage(mirror, error);
  }
}
