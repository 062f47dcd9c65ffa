import type { Sandbox } from "../sandbox/sandbox.ts";
import { runInSandbox } from "./sandbox-git.ts";

const PROGRAMS =
  "bash git rg fd jq make cmake gcc clang node npm pnpm yarn bun deno python3 pip uv poetry go cargo rustc java mvn gradle ruby bundle php composer dotnet elixir psql sqlite3";
const SCRIPT = `. /etc/os-release 2>/dev/null; printf '%s\\n%s\\n' "$PRETTY_NAME" "$(uname -m)"; for p in ${PROGRAMS}; do command -v "$p" >/dev/null && printf '%s ' "$p"; done; true`;
const KNOWN = new Set(PROGRAMS.split(" "));

/** The system in the sandbox and which of the common programs it has, in a sentence, so that no step is spent on it. What the sandbox says is hostile. */
export async function machineFacts(sandbox: Sandbox, signal: AbortSignal): Promise<string> {
  const answer = (
    await runInSandbox(sandbox, { name: "a look at the machine", argv: ["/bin/sh", "-c", SCRIPT], cwd: "/" }, signal)
  ).toString("utf8");
  const [system = "", machine = "", programs = ""] = answer.slice(0, 4000).split("\n");
  const word = (text: string) => text.replace(/[^\w .()/-]/g, "").slice(0, 60);
  const found = programs.split(" ").filter((name) => KNOWN.has(name));
  return `System: ${word(system) || "Linux"}, ${word(machine)}. Of the common programs there are: ${found.join(", ") || "none"}.`;
}
