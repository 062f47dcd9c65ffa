import type { ToolchainName, Toolchains } from "@farhand/protocol";

type Toolchain = { program: string; flag: string; managers: readonly string[] };

const TOOLCHAINS: Readonly<Record<ToolchainName, Toolchain>> = {
  node: { program: "node", flag: "--version", managers: ["mise", "nvm"] },
  python: { program: "python3", flag: "--version", managers: ["mise", "uv", "pyenv"] },
  go: { program: "go", flag: "version", managers: ["mise"] },
  rust: { program: "rustc", flag: "--version", managers: ["mise", "rustup"] },
  java: { program: "java", flag: "-version", managers: ["mise"] },
  ruby: { program: "ruby", flag: "--version", managers: ["mise", "rbenv"] },
  php: { program: "php", flag: "--version", managers: ["mise"] },
};

/** Each prints the folder of the programs that it has installed of `$name` in `$version`, or fails. What it says itself goes to standard error. */
const SCRIPT = `bad=0
number() {
  command -v "$1" > /dev/null || return 0
  "$1" "$2" 2>&1 | sed -n 's/^[^0-9]*\\([0-9][0-9.]*\\).*/\\1/p' | head -n 1
}
fits() { case "$1." in "$version".*) return 0 ;; *) return 1 ;; esac; }
by_mise() { mise install "$name@$version" >&2 && echo "$(mise where "$name@$version")/bin"; }
by_nvm() { bash -c '. "$0" && nvm install "$1" >&2 && dirname "$(nvm which "$1")"' "\${NVM_DIR:-$HOME/.nvm}/nvm.sh" "$version"; }
by_uv() { uv python install "$version" >&2 && dirname "$(uv python find "$version")"; }
by_pyenv() { pyenv install --skip-existing "$version" >&2 && echo "$(pyenv prefix "$version")/bin"; }
by_rustup() { rustup toolchain install "$version" --profile minimal >&2 && dirname "$(rustup which --toolchain "$version" rustc)"; }
by_rbenv() { rbenv install --skip-existing "$version" >&2 && echo "$(rbenv prefix "$version")/bin"; }
is_here() { if [ "$1" = nvm ]; then [ -s "\${NVM_DIR:-$HOME/.nvm}/nvm.sh" ]; else command -v "$1" > /dev/null; fi; }
want() {
  name=$1 version=$2 program=$3 flag=$4
  shift 4
  have=$(number "$program" "$flag")
  if fits "$have"; then
    echo "$name $have is there ($version is wanted)"
    return 0
  fi
  for manager in "$@"; do
    is_here "$manager" || continue
    bin=$("by_$manager") || continue
    got=$(number "$bin/$program" "$flag")
    fits "$got" || continue
    PATH=$bin:$PATH
    echo "PATH=$PATH" >> "$FARHAND_ENV"
    echo "$name $got comes from $manager ($version is wanted)"
    return 0
  done
  echo "$name $version is wanted, and \${have:-none} is there; none of $* could give it. Install it on the worker's machine, or name the version that is there." >&2
  bad=1
}
`;

/** A script that finds each of these versions, or gets it from a version manager that is there; fails with a sentence for each that it could not. */
export function toolchainScript(toolchains: Toolchains): string {
  const wants = Object.entries(toolchains).map(([name, version]) => {
    const { program, flag, managers } = TOOLCHAINS[name as ToolchainName];
    return `want ${name} ${version} ${program} ${flag} ${managers.join(" ")}\n`;
  });
  return `${SCRIPT}${wants.join("")}exit $bad\n`;
}

export function wantedInWords(toolchains: Toolchains): string {
  const wanted = Object.entries(toolchains).map(([name, version]) => `${name} ${version}`);
  return `# toolchains: ${wanted.join(", ")}`;
}
