import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";
import { npmCommand, takeLock } from "./prepare.mjs";
import { Failure, say } from "./say.mjs";

const OUTPUT = 20 * 1024 * 1024;

/** Builds the page where it has not been built from the sources and dependencies that are there now. Throws Failure. @param {string} clone @param {string} node */
export function buildPage(clone, node) {
  const wanted = hashOfSources(clone);
  if (isBuilt(clone, wanted)) return;
  const lock = takeLock(clone);
  try {
    if (isBuilt(clone, wanted)) return; // another start did it while we waited
    say("Building the page");
    const [command, ...first] = npmCommand(node);
    const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ""}` };
    const args = [...first, "run", "build", "-w", "packages/web"];
    const run = spawnSync(/** @type {string} */ (command), args, {
      cwd: clone,
      env,
      encoding: "utf8",
      maxBuffer: OUTPUT,
      stdio: ["ignore", "pipe", "pipe", lock],
    });
    if (run.status !== 0) {
      say(`${run.stdout}${run.stderr}`.trim());
      throw new Failure(
        `the page could not be built (${run.error?.message ?? run.signal ?? `exit code ${run.status}`}). What was said is above; start again once that is mended.`,
      );
    }
    writeFileSync(stampFile(clone), wanted);
  } finally {
    closeSync(lock);
  }
}

/** Inside what is built, so that it goes when the next build begins. @param {string} clone */
const stampFile = (clone) => join(clone, "packages/web/dist/.built-from");

/** @param {string} clone @param {string} wanted */
function isBuilt(clone, wanted) {
  try {
    return readFileSync(stampFile(clone), "utf8") === wanted;
  } catch {
    return false;
  }
}

/** Of all that the page is built from. @param {string} clone */
function hashOfSources(clone) {
  const hash = createHash("sha256");
  const files = [
    ...filesBelow(join(clone, "packages/web")),
    ...filesBelow(join(clone, "packages/protocol")),
    join(clone, "package-lock.json"),
  ];
  for (const file of files) {
    const bytes = readFileSync(file);
    hash.update(`${relative(clone, file)}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

/** @param {string} folder @returns {string[]} */
function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      if (["node_modules", "dist"].includes(entry.name) || /\.test\.tsx?$/.test(entry.name)) return [];
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : [];
    });
}
