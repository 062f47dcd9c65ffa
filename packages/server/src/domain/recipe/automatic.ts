/** A file of the repository at its root or one folder beneath; `id` changes with its content. All of it is hostile data. */
export type TreeFile = { path: string; id: string };

export type AutomaticSetup = {
  script: string;
  /** The files that decide what is installed, by path: when one changes, setup has to run again. */
  foundBy: Readonly<Record<string, string>>;
};

type Step = { file: string; tool: string; command: string };
type Folder = { path: string; has: (name: string) => boolean; text: (name: string) => string };
type Family = (folder: Folder) => Step | null;

/** What `texts` must hold of a folder, where it is there. */
export const MANIFESTS: readonly string[] = ["package.json", "pyproject.toml"];

const MOST_FOLDERS = 8;
/** Found beneath the root, but seldom what the project itself needs; and names that would need quotes. */
const PASSED_OVER = /^(?:node_modules|vendor|third_party|examples?|fixtures?|tests?|docs?|[._-].*|.*[^A-Za-z0-9._-].*)$/;

/** Java goes by no proxy variables. */
const JAVA_PROXY =
  'if [ -n "$https_proxy" ]; then export JAVA_TOOL_OPTIONS="-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=3128 -Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=3128"; fi; ';
/** The agent finds what was installed into the virtual environment first. */
const VENV_FIRST = 'echo "PATH=$PWD/.venv/bin:$PATH" >> "$FARHAND_ENV"';

/**
 * A setup script for the package managers whose files are at the root, or in a folder beneath where the root has none of that family; null = there
 * is nothing to install. `texts`: contents of MANIFESTS by path. A step whose tool is not there is passed over, and says so.
 */
export function automaticSetup(files: readonly TreeFile[], texts: ReadonlyMap<string, string>): AutomaticSetup | null {
  const ids = new Map(files.map(({ path, id }) => [path, id]));
  const folders = [...new Set(files.map(({ path }) => path.split("/").slice(0, -1).join("/")))]
    .filter((path) => path !== "" && !PASSED_OVER.test(path))
    .toSorted();
  const folder = (path: string): Folder => {
    const at = (name: string) => (path === "" ? name : `${path}/${name}`);
    return { path, has: (name) => ids.has(at(name)), text: (name) => texts.get(at(name)) ?? "" };
  };
  const found: { folder: string; step: Step }[] = [];
  for (const family of FAMILIES) {
    const atRoot = family(folder(""));
    if (atRoot) found.push({ folder: "", step: atRoot });
    else {
      const beneath = folders.flatMap((path) => {
        const step = family(folder(path));
        return step ? [{ folder: path, step }] : [];
      });
      found.push(...beneath.slice(0, MOST_FOLDERS));
    }
  }
  if (found.length === 0) return null;
  const foundBy: Record<string, string> = {};
  for (const one of found) {
    const path = pathOf(one);
    foundBy[path] = ids.get(path) ?? "";
  }
  return { script: found.map((one) => inShell(pathOf(one), one.folder, one.step)).join("\n"), foundBy };
}

const pathOf = ({ folder, step }: { folder: string; step: Step }) => (folder === "" ? step.file : `${folder}/${step.file}`);

function inShell(path: string, folder: string, { tool, command }: Step): string {
  const there = tool.startsWith("./") ? `[ -e ${folder === "" ? tool : `${folder}/${tool}`} ]` : `command -v ${tool} > /dev/null`;
  const body = folder === "" ? command : `(cd ${folder} && ${command})`;
  return `# ${path}\nif ${there}; then\n  ${body}\nelse\n  echo "${tool} is not here: passing over ${path}" >&2\nfi\n`;
}

const FAMILIES: readonly Family[] = [javaScript, python, rust, go, ruby, php, maven, gradle];

function javaScript({ has, text }: Folder): Step | null {
  if (!has("package.json")) return null;
  const { manager, major, hasDependencies } = readPackage(text("package.json"));
  const lock = { npm: has("package-lock.json") ? "package-lock.json" : "npm-shrinkwrap.json", pnpm: "pnpm-lock.yaml", yarn: "yarn.lock" };
  const chosen = manager ?? (["pnpm", "yarn", "npm"] as const).find((name) => has(lock[name])) ?? "npm";
  const isLocked = has(lock[chosen]);
  if (!isLocked && !hasDependencies) return null;
  const file = isLocked ? lock[chosen] : "package.json";
  switch (chosen) {
    case "npm":
      return { file, tool: "npm", command: isLocked ? "npm ci" : "npm install" };
    case "pnpm":
      return { file, tool: "pnpm", command: isLocked ? "pnpm install --frozen-lockfile" : "pnpm install" };
    case "yarn": {
      const frozen = has(".yarnrc.yml") || (major ?? 1) > 1 ? "--immutable" : "--frozen-lockfile";
      return { file, tool: "yarn", command: isLocked ? `yarn install ${frozen}` : "yarn install" };
    }
    default:
      return chosen satisfies never;
  }
}

/** Of a package.json, which may be anything. */
function readPackage(text: string): { manager: "npm" | "pnpm" | "yarn" | null; major: number | null; hasDependencies: boolean } {
  const json = parsed(text);
  const [, manager, major] = /^(npm|pnpm|yarn)@(\d+)/.exec(typeof json.packageManager === "string" ? json.packageManager : "") ?? [];
  const hasDependencies = ["dependencies", "devDependencies", "optionalDependencies", "workspaces"].some((name) => {
    const value = json[name];
    return typeof value === "object" && value !== null && Object.keys(value).length > 0;
  });
  return { manager: (manager as "npm" | undefined) ?? null, major: major === undefined ? null : Number(major), hasDependencies };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function python({ has, text }: Folder): Step | null {
  if (has("uv.lock")) return { file: "uv.lock", tool: "uv", command: `uv sync --frozen && ${VENV_FIRST}` };
  if (has("poetry.lock"))
    return {
      file: "poetry.lock",
      tool: "poetry",
      command: `POETRY_VIRTUALENVS_IN_PROJECT=1 poetry install --no-interaction && ${VENV_FIRST}`,
    };
  const pip = (file: string, what: string) => ({
    file,
    tool: "python3",
    command: `python3 -m venv .venv && .venv/bin/python -m pip install ${what} && ${VENV_FIRST}`,
  });
  if (has("requirements.txt")) return pip("requirements.txt", "--requirement requirements.txt");
  if (/^\[(project|build-system)\]/m.test(text("pyproject.toml"))) return pip("pyproject.toml", "--editable .");
  return has("setup.py") ? pip("setup.py", "--editable .") : null;
}

function rust({ has }: Folder): Step | null {
  if (has("Cargo.lock")) return { file: "Cargo.lock", tool: "cargo", command: "cargo fetch --locked" };
  return has("Cargo.toml") ? { file: "Cargo.toml", tool: "cargo", command: "cargo fetch" } : null;
}

function go({ has }: Folder): Step | null {
  return has("go.mod") ? { file: has("go.sum") ? "go.sum" : "go.mod", tool: "go", command: "go mod download" } : null;
}

function ruby({ has }: Folder): Step | null {
  if (!has("Gemfile")) return null;
  const file = has("Gemfile.lock") ? "Gemfile.lock" : "Gemfile";
  return { file, tool: "bundle", command: "bundle config set --local path vendor/bundle && bundle install" };
}

function php({ has }: Folder): Step | null {
  if (!has("composer.json")) return null;
  return { file: has("composer.lock") ? "composer.lock" : "composer.json", tool: "composer", command: "composer install --no-interaction" };
}

function maven({ has }: Folder): Step | null {
  if (!has("pom.xml")) return null;
  const own = has("mvnw");
  return {
    file: "pom.xml",
    tool: own ? "./mvnw" : "mvn",
    command: `${JAVA_PROXY}${own ? "sh ./mvnw" : "mvn"} --batch-mode dependency:go-offline`,
  };
}

function gradle({ has }: Folder): Step | null {
  const file = ["gradle.lockfile", "build.gradle.kts", "build.gradle", "settings.gradle.kts", "settings.gradle"].find(has);
  if (!file) return null;
  const own = has("gradlew");
  return { file, tool: own ? "./gradlew" : "gradle", command: `${JAVA_PROXY}${own ? "sh ./gradlew" : "gradle"} --no-daemon dependencies` };
}
