/** Manifests at the root that commands are read from; the others only have to be there. */
export const READ_FOR_COMMANDS: readonly string[] = ["package.json", "Makefile", "makefile", "justfile", "pyproject.toml", "composer.json"];

const MOST_FOLDERS = 25;
const MOST_FILES = 25;
const MOST_INNER = 8;
const MOST_ENDINGS = 5;
const MOST_COMMANDS = 10;
const MOST_MANIFESTS = 8;
const NAME_CHARS = 60;
const COMMAND_CHARS = 80;
/** Where a folder holds so many of all files, what is in it is shown too. */
const MOST_OF_ALL = 0.4;
/** What an engineer looks for first. */
const FIRST = /^(test|check|lint|typecheck|type-check|build|format|fmt)/;
const MANIFEST =
  /(^|\/)(package\.json|pyproject\.toml|Cargo\.toml|go\.mod|pom\.xml|build\.gradle(\.kts)?|Gemfile|composer\.json|mix\.exs)$/;
/** What a reader looks into first; where a root has too many entries, they are named before the others. */
const TELLING_FOLDER =
  /^(src|lib|apps?|packages|crates|modules|services|cmd|internal|pkg|core|server|backend|api|client|frontend|web|tests?|specs?|e2e|docs?|scripts|tools|migrations|\.github)\/$/i;
const TELLING_FILE =
  /^((readme|contributing|architecture|design|agents|claude)\b.*|(main|index|app|server|cli|manage|setup)\.\w+|(make|docker|just|rake|gem|proc|jenkins)file|(docker-)?compose\.ya?ml|tsconfig\.json|.+\.(sln|csproj)|(pytest|tox)\.ini|cmakelists\.txt)$/i;

/** A short map of a repository: what is where, and the commands that its own files name. Names in it are the repository's own text, printable and short. */
export function repositoryMap(paths: readonly string[], texts: ReadonlyMap<string, string>): string {
  const top = counts(paths, (path) => (path.includes("/") ? `${path.split("/")[0]}/` : null));
  const folders = telling([...top], MOST_FOLDERS, ([folder]) => TELLING_FOLDER.test(folder)).map(([folder, count]) => {
    const inner = count > paths.length * MOST_OF_ALL && count > 20 ? innerFolders(paths, folder) : "";
    return `${shown(folder)} ${count}${inner}`;
  });
  const files = paths.filter((path) => !path.includes("/"));
  const endings = [...counts(paths, (path) => /\.\w{1,8}$/.exec(path)?.[0] ?? null)].slice(0, MOST_ENDINGS);
  const commands = commandsOf(paths, texts).slice(0, MOST_COMMANDS);
  const nested = paths.filter((path) => path.includes("/") && MANIFEST.test(path)).toSorted((a, b) => depthOf(a) - depthOf(b));
  return [
    `# The repository at the start (${paths.length} files; ${endings.map(([ending, count]) => `${ending} ${count}`).join(", ")})`,
    `Folders with their number of files: ${listed(folders, top.size - folders.length) || "none"}`,
    `Files at the root: ${
      listed(
        telling(files, MOST_FILES, (name) => TELLING_FILE.test(name) || MANIFEST.test(name)).map((name) => shown(name)),
        files.length - MOST_FILES,
      ) || "none"
    }`,
    ...(commands.length === 0 ? [] : [`Commands that its files name, not tried:\n${commands.map((command) => `- ${command}`).join("\n")}`]),
    ...(nested.length === 0
      ? []
      : [
          `More of them in: ${listed(
            nested.slice(0, MOST_MANIFESTS).map((name) => shown(name)),
            nested.length - MOST_MANIFESTS,
          )}`,
        ]),
  ].join("\n");
}

/** Of too many the telling ones, then the first of the others; in the order in which they came. */
function telling<Entry>(entries: readonly Entry[], most: number, isTelling: (entry: Entry) => boolean): Entry[] {
  const kept = new Set(entries.toSorted((a, b) => Number(isTelling(b)) - Number(isTelling(a))).slice(0, most));
  return entries.filter((entry) => kept.has(entry));
}

function depthOf(path: string): number {
  return path.split("/").length;
}

function innerFolders(paths: readonly string[], folder: string): string {
  const inner = counts(paths, (path) => {
    const [first, second, third] = path.split("/");
    return `${first}/` === folder && third !== undefined ? `${second}/` : null;
  });
  if (inner.size === 0) return "";
  const some = [...inner].slice(0, MOST_INNER).map(([name, count]) => `${shown(name)} ${count}`);
  return ` (${listed(some, inner.size - some.length)})`;
}

/** How to build and test, by what the manifests at the root say. */
function commandsOf(paths: readonly string[], texts: ReadonlyMap<string, string>): string[] {
  const has = (name: string) => paths.includes(name);
  const scripts = (manifest: string, runner: string) =>
    Object.entries(objectIn(objectIn(parsed(texts.get(manifest))).scripts))
      .filter((entry): entry is [string, string] => typeof entry[1] === "string")
      .toSorted(([a], [b]) => Number(FIRST.test(b)) - Number(FIRST.test(a)))
      .map(([name, command]) => `${runner} ${shown(name)}: ${shown(command, COMMAND_CHARS)}`);
  const runner = has("pnpm-lock.yaml")
    ? "pnpm run"
    : has("yarn.lock")
      ? "yarn run"
      : has("bun.lockb") || has("bun.lock")
        ? "bun run"
        : "npm run";
  const makefile = texts.get("Makefile") ?? texts.get("makefile");
  const python = texts.get("pyproject.toml");
  const isPytest =
    python?.includes("pytest") ||
    has("pytest.ini") ||
    has("conftest.py") ||
    paths.some((path) => /^tests?\/(.*\/)?test_\w+\.py$/.test(path));
  return [
    ...scripts("package.json", runner),
    ...targets(makefile, /^([A-Za-z][\w-]*)\s*:(?!=)/gm).map((target) => `make ${target}`),
    ...targets(texts.get("justfile"), /^([A-Za-z][\w-]*)(?![\w-])[^:=\n]*:(?!=)/gm).map((target) => `just ${target}`),
    ...(isPytest ? ["python3 -m pytest"] : []),
    ...(python?.includes("[tool.ruff") ? ["ruff check"] : []),
    ...(has("tox.ini") ? ["tox"] : []),
    ...(has("Cargo.toml") ? ["cargo test", "cargo clippy"] : []),
    ...(has("go.mod") ? ["go test ./...", "go vet ./..."] : []),
    ...(has("pom.xml") ? [has("mvnw") ? "./mvnw test" : "mvn test"] : []),
    ...(has("build.gradle") || has("build.gradle.kts") ? [has("gradlew") ? "./gradlew test" : "gradle test"] : []),
    ...(has("Gemfile") ? [paths.some((path) => path.startsWith("spec/")) ? "bundle exec rspec" : "bundle exec rake test"] : []),
    ...(has("mix.exs") ? ["mix test"] : []),
    ...(has("CMakeLists.txt") ? ["cmake -B build && cmake --build build && ctest --test-dir build"] : []),
    ...(paths.some((path) => /^[^/]+\.(sln|csproj)$/.test(path)) ? ["dotnet test"] : []),
    ...scripts("composer.json", "composer run"),
  ];
}

function targets(text: string | undefined, pattern: RegExp): string[] {
  const names = [...new Set([...(text ?? "").matchAll(pattern)].map(([, name = ""]) => name))];
  return names.toSorted((a, b) => Number(FIRST.test(b)) - Number(FIRST.test(a))).map((name) => shown(name));
}

/** By number, the largest first. */
function counts(paths: readonly string[], keyOf: (path: string) => string | null): Map<string, number> {
  const counted = new Map<string, number>();
  for (const path of paths) {
    const key = keyOf(path);
    if (key !== null) counted.set(key, (counted.get(key) ?? 0) + 1);
  }
  return new Map([...counted].toSorted(([, a], [, b]) => b - a));
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return null;
  }
}

function objectIn(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function listed(names: readonly string[], more: number): string {
  return `${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function shown(text: string, chars = NAME_CHARS): string {
  const line = text.replace(/[^\P{C}]|[\u2028\u2029]/gu, "?");
  return line.length <= chars ? line : `${line.slice(0, chars)}…`;
}
