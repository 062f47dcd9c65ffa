import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SERVER = "packages/server/src";

/** What each part of the server may import besides itself and what everybody may. A path with `.ts` is that file alone. */
const MAY: Record<string, readonly string[]> = {
  domain: [],
  store: ["domain"],
  sandbox: ["domain"],
  forge: ["domain"],
  engine: ["domain", "sandbox/sandbox.ts"],
  run: ["domain", "store", "sandbox", "forge", "engine"],
  api: ["domain", "store", "forge/*/webhook.ts", "supervisor/system-user.ts", "supervisor/address.ts"],
  supervisor: ["domain", "store", "forge/git/host-git.ts"],
  doctor: ["domain", "store", "sandbox", "supervisor"],
  backup: ["domain", "store", "supervisor"],
};
/** The root of the server: `main.ts` builds all; these may be used by every part. */
const SHARED = ["config.ts", "crash.ts", "log.ts", "metrics.ts"];

type Import = { from: string; to: string; typeOnly: boolean };

function imports(): Import[] {
  const files = globSync("packages/*/src/**/*.{ts,tsx}", { cwd: root }).filter(
    (file) => !/\.(test|slow|bench)\.tsx?$/.test(file) && !/(^|\/)testing[./]/.test(file),
  );
  return files.flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    const found = [
      ...text.matchAll(/^(?:import|export)\b(\s+type\b)?[^;'"]*?\s*["']([^"']+)["'];/gm),
      ...text.matchAll(/\bimport\(()["']([^"']+)["']\)/g),
    ];
    return found.map(([, type, to = ""]) => ({
      from: file,
      to: to.startsWith(".") ? normalize(join(dirname(file), to)) : to,
      typeOnly: Boolean(type),
    }));
  });
}

/** Why this import is not allowed, or null. */
export function fault({ from, to, typeOnly }: Import): string | null {
  const home = from.split("/").slice(0, 2).join("/");
  if (to.startsWith("@farhand/") && to !== "@farhand/protocol") return "packages see one another through @farhand/protocol only";
  if (to.startsWith("packages/") && !to.startsWith(`${home}/`)) return "packages see one another through @farhand/protocol only";
  if (!from.startsWith(`${SERVER}/`) || !to.startsWith(`${SERVER}/`)) return null;
  const [source, target] = [relative(SERVER, from), relative(SERVER, to)];
  const [part = "", targetPart = ""] = [source.split("/")[0], target.split("/")[0]];
  if (target.startsWith("testing/")) return "testing is for tests";
  if (part === "main.ts" || part === targetPart) return null;
  if (SHARED.includes(source)) return targetPart === "domain" || SHARED.includes(target) ? null : "shared files stand below all parts";
  if (SHARED.includes(target)) return part === "domain" && !typeOnly ? "domain decides without settings" : null;
  const allowed = MAY[part];
  if (!allowed) return `${part} is not in the list of parts`;
  const matches = (pattern: string) =>
    new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", "[^/]+")}${pattern.endsWith(".ts") ? "$" : "/"}`).test(target);
  return allowed.some(matches) ? null : `${part} may import ${allowed.join(", ") || "nothing"}`;
}

/** Files that import one another in a circle, from one back to itself; null = there are none. */
export function circle(all: readonly Import[]): string[] | null {
  const targets = Map.groupBy(all, ({ from }) => from);
  const done = new Set<string>();
  const walk = (file: string, way: readonly string[]): string[] | null => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const { to } of targets.get(file) ?? []) {
      const found = walk(to, [...way, file]);
      if (found) return found;
    }
    done.add(file);
    return null;
  };
  for (const file of targets.keys()) {
    const found = walk(file, []);
    if (found) return found;
  }
  return null;
}

test("no files import one another in a circle, types included", () => {
  assert.deepEqual(circle(imports()), null);
});

test("a circle is seen", () => {
  const of = (from: string, to: string) => ({ from, to, typeOnly: true });
  assert.deepEqual(circle([of("a", "b"), of("b", "c"), of("c", "b")]), ["b", "c", "b"]);
  assert.equal(circle([of("a", "b"), of("a", "c"), of("b", "c")]), null);
});

test("every import goes in the allowed direction", () => {
  const all = imports();
  assert.ok(all.length > 200, "the imports were found");
  const wrong = all.filter((one) => fault(one) !== null).map((one) => `${one.from} -> ${one.to}: ${fault(one)}`);
  assert.deepEqual(wrong, []);
});

test("a wrong direction is seen", () => {
  const of = (from: string, to: string, typeOnly = false) =>
    fault({ from: `${SERVER}/${from}`, to: to.startsWith("@") ? to : `${SERVER}/${to}`, typeOnly });
  assert.ok(of("api/tasks.ts", "run/worker.ts"));
  assert.ok(of("api/hooks.ts", "forge/github/client.ts"));
  assert.equal(of("api/hooks.ts", "forge/github/webhook.ts"), null);
  assert.ok(of("engine/tools/shell.ts", "sandbox/bubblewrap/driver.ts"));
  assert.equal(of("engine/tools/shell.ts", "sandbox/sandbox.ts"), null);
  assert.ok(of("store/tasks.ts", "testing/store.ts"));
  assert.ok(of("domain/outcome.ts", "config.ts"));
  assert.ok(of("domain/outcome.ts", "@farhand/server"));
  assert.equal(of("store/tasks.ts", "domain/id.ts"), null);
});
