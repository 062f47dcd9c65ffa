import { posix } from "node:path";

/** One path that a patch changes. Modes are those of git; "000000" = is not there. */
export type Change = { path: string; status: string; oldMode: string; newMode: string; oldBlob: string; newBlob: string };

/** Something that this machine may run later, by whom or when. */
export type Risk = { path: string; reason: string };

/** Reads `git diff-tree -r -z --raw --no-renames --no-commit-id`. */
export function readRawDiff(raw: Buffer): Change[] {
  const fields = raw.toString("utf8").split("\0");
  const changes: Change[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, oldMode, newMode, oldBlob, newBlob, status] = /^:(\d+) (\d+) ([0-9a-f]+) ([0-9a-f]+) ([A-Z])/.exec(fields[at] ?? "") ?? [];
    const path = fields[at + 1];
    if (!oldMode || !newMode || !oldBlob || !newBlob || !status || !path) throw new Error("git's list of changes is not understood");
    changes.push({ path, status, oldMode, newMode, oldBlob, newBlob });
  }
  return changes;
}

/** Names that something on a developer's machine runs or obeys; matched against the lower-case path. */
const RUN_BY: readonly (readonly [RegExp, string])[] = [
  [
    /(^|\/)(gnu)?makefile$|\.mk$|(^|\/)(justfile|\.justfile|rakefile|taskfile\.ya?ml|tox\.ini|noxfile\.py|dodo\.py)$/,
    "is run by a build tool",
  ],
  [/(^|\/)(setup\.py|setup\.cfg|conftest\.py|sitecustomize\.py|usercustomize\.py)$|\.pth$/, "is run by Python tools"],
  [
    /(^|\/)(build\.rs|cmakelists\.txt|meson\.build|wscript|configure|autogen\.sh)$|\.gradle(\.kts)?$|(^|\/)(gradlew|mvnw)(\.bat|\.cmd)?$/,
    "is run by the build",
  ],
  [/(^|\/)\.cargo\/config(\.toml)?$|(^|\/)\.mvn\//, "is obeyed by a build tool"],
  [/(^|\/)(\.npmrc|\.yarnrc(\.yml)?|\.pnpmfile\.c?js|bunfig\.toml|\.yarn\/.*)$/, "is obeyed by a package manager"],
  [/(^|\/)(gemfile|podfile|pyproject\.toml|composer\.json|deno\.jsonc?)$/, "is obeyed by a package manager"],
  [
    /(^|\/)(\.husky|\.githooks|\.git-hooks|hooks|githooks)\/|(^|\/)\.?lefthook(-local)?\.ya?ml$|(^|\/)\.pre-commit-config\.yaml$/,
    "may be run by git as a hook",
  ],
  [/(^|\/)\.gitattributes$/, "chooses filters and merge drivers of your git"],
  [/(^|\/)\.gitmodules$/, "names submodules"],
  [/(^|\/)\.gitconfig$/, "is a configuration of git"],
  [
    /(^|\/)\.(vscode|idea|zed|fleet|vim|nvim|devcontainer)\/|\.code-workspace$|(^|\/)\.(exrc|vimrc|nvimrc|dir-locals\.el)$/,
    "is obeyed by an editor",
  ],
  [/(^|\/)\.(claude|cursor|codex|continue|aider[^/]*)(\/|$)|(^|\/)\.?mcp\.json$/, "is obeyed by coding agents"],
  [
    /(^|\/)\.(github|gitlab|forgejo|gitea|circleci|woodpecker|buildkite)\/|(^|\/)(\.gitlab-ci\.yml|jenkinsfile|\.travis\.yml|azure-pipelines\.yml)$/,
    "is run by the code host",
  ],
  [
    /(^|\/)\.(bash[^/]*|profile|zsh[^/]*|zlogin|zprofile|cshrc|kshrc|envrc|env|tool-versions|mise\.toml|nvmrc)$|(^|\/)mise\.toml$/,
    "is read by a shell",
  ],
  [/(^|\/)(dockerfile|containerfile)(\.[^/]*)?$|(^|\/)(docker-)?compose[^/]*\.ya?ml$|(^|\/)vagrantfile$/, "is run by container tools"],
];

/** What the changes could make this machine run later. `contents` gives a blob's text. */
export async function risksOf(changes: readonly Change[], contents: (blob: string) => Promise<string>): Promise<Risk[]> {
  const risks: Risk[] = [];
  for (const change of changes) {
    if (change.status === "D") continue;
    const { path } = change;
    const add = (reason: string) => risks.push({ path, reason });
    if (change.newMode === "160000") add("is a submodule");
    if (change.newMode === "120000") {
      const target = await contents(change.newBlob);
      if (leavesTree(path, target)) add(`is a link out of the repository, to ${target}`);
      continue;
    }
    if (change.newMode === "100755")
      add(change.oldMode === "100755" ? "is a changed program" : change.oldMode === "000000" ? "is a new program" : "becomes a program");
    const known = RUN_BY.find(([pattern]) => pattern.test(path.toLowerCase()));
    if (known) add(known[1]);
    if (/(^|\/)package\.json$/i.test(path)) {
      const before = change.oldMode.startsWith("100") ? await contents(change.oldBlob) : "{}";
      const words = packageRisk(before, await contents(change.newBlob));
      if (words) add(words);
    }
  }
  return risks;
}

/** Why the changes may not come onto this disk at all; null = they may. git refuses these as well: nothing rests on one lock alone. */
export async function refusalOf(changes: readonly Change[], contents: (blob: string) => Promise<string>): Promise<string | null> {
  for (const { path, newMode, newBlob } of changes) {
    const parts = path.split("/");
    if (path.startsWith("/") || parts.some((part) => part === "" || part === "." || part === ".."))
      return `${path} leads out of the repository`;
    if (parts.some(isGitName)) return `${path} is a path of git's own`;
    if (newMode === "120000" && (await contents(newBlob)).split("/").some(isGitName)) return `${path} is a link into git's own files`;
  }
  return null;
}

/** `.git` in the spellings that some file system takes for it. */
function isGitName(part: string): boolean {
  const plain = part.replace(/[\u200c-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, "").toLowerCase();
  return /^(\.git|git~\d+)[ .]*(:.*)?$/.test(plain);
}

function leavesTree(path: string, target: string): boolean {
  if (target.startsWith("/") || /^[a-z]:|\\/i.test(target)) return true;
  const end = posix.normalize(posix.join(posix.dirname(path), target));
  return end === ".." || end.startsWith("../");
}

function packageRisk(before: string, after: string): string | null {
  const parts = (text: string) => {
    try {
      const value: unknown = JSON.parse(text);
      return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
    } catch {
      return {};
    }
  };
  const [old, now] = [parts(before), parts(after)];
  const differs = (name: string) => JSON.stringify(old[name]) !== JSON.stringify(now[name]);
  const changed = [
    "scripts",
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "bin",
    "workspaces",
    "overrides",
    "packageManager",
  ].filter(differs);
  return changed.length > 0 ? `changes ${changed.join(", ")}, which npm runs or installs` : null;
}
