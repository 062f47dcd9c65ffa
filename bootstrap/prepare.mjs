import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { find } from "./programs.mjs";
import { Failure, say } from "./say.mjs";

const OLDEST = 24;

/** The path of the Node to use, when it and all dependencies are in place; null otherwise. Changes nothing. @param {string} clone */
export function installed(clone) {
  const node = installedNode(clone);
  return node && read(stampFile(clone)) === stamp(clone) ? node : null;
}

/**
 * Brings Node and the dependencies in place and returns the path of Node. Safe when several do it at once; what a run that was cut off left
 * behind is done again. Throws Failure. @param {string} clone
 */
export function prepare(clone) {
  const lock = takeLock(clone);
  try {
    const node = installedNode(clone) ?? installNode(clone, lock);
    if (read(stampFile(clone)) !== stamp(clone)) installDependencies(clone, node, lock);
    return node;
  } finally {
    closeSync(lock);
  }
}

/** @param {string} clone */
const stampFile = (clone) => join(clone, "node_modules", ".farhand-installed");

/** What the dependencies were installed from. @param {string} clone */
const stamp = (clone) =>
  createHash("sha256")
    .update(read(join(clone, "package-lock.json")) ?? "")
    .digest("hex");

/** @param {string} clone */
function installedNode(clone) {
  if (Number.parseInt(process.versions.node, 10) >= OLDEST) return process.execPath;
  const wanted = read(join(clone, "bootstrap/node/package-lock.json"));
  return wanted !== null && read(join(clone, ".node/installed")) === wanted ? join(clone, ".node/node") : null;
}

/** @param {string} clone @param {number} lock */
function installNode(clone, lock) {
  const name = `node-${process.platform}-${process.arch}`;
  const source = join(clone, "bootstrap/node");
  const wanted = read(join(source, "package-lock.json")) ?? "";
  if (!wanted.includes(`node_modules/${name}"`)) {
    throw new Failure(
      `Node ${process.versions.node} is too old, and there is none to fetch for ${process.platform} on ${process.arch}. Install Node ${OLDEST} or later.`,
    );
  }
  say(`Node ${process.versions.node} is older than ${OLDEST}: fetching a Node of its own for Farhand, about 190 MB on disk`);
  const folder = join(clone, ".node");
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, "installed"), { force: true });
  for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(source, file), join(folder, file));
  npm(process.execPath, ["ci", "--no-audit", "--no-fund"], folder, lock);
  if (!existsSync(join(folder, "node_modules", name, "bin/node"))) {
    throw new Failure(
      `Node ${OLDEST} could not be fetched (npm leaves out, without a word, what it cannot download). Make the npm registry reachable, or install Node ${OLDEST} or later.`,
    );
  }
  const node = join(folder, "node");
  rmSync(node, { force: true });
  symlinkSync(`node_modules/${name}/bin/node`, node);
  const version = spawnSync(node, ["--version"], { encoding: "utf8" });
  if (version.status !== 0) {
    throw new Failure(
      `the Node that was fetched does not run on this system (${(version.stderr || String(version.error)).trim()}). Install Node ${OLDEST} or later.`,
    );
  }
  writeWhole(join(folder, "installed"), wanted);
  return node;
}

/** By the Node that will run them: npm leaves out, without a word, binaries of packages that want a newer Node. @param {string} clone @param {string} node @param {number} lock */
function installDependencies(clone, node, lock) {
  say("Installing dependencies");
  rmSync(stampFile(clone), { force: true });
  npm(node, ["ci"], clone, lock);
  writeWhole(stampFile(clone), stamp(clone));
}

/** Holds the lock as long as npm runs, even if this process is killed. @param {string} node @param {string[]} args @param {string} cwd @param {number} lock */
function npm(node, args, cwd, lock) {
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ""}` };
  env.NODE_USE_SYSTEM_CA ??= "1"; // this Node has a list of its own, and knows nothing of an authority that the machine was told to trust
  const [command, ...first] = npmCommand(node);
  const run = spawnSync(/** @type {string} */ (command), [...first, ...args], { cwd, env, stdio: ["ignore", 2, 2, lock] });
  if (run.status !== 0)
    throw new Failure(
      `npm ${args[0]} in ${cwd} failed (${run.error?.message ?? run.signal ?? `exit code ${run.status}`}). Its output is above; start again once that is mended.`,
    );
}

/** How to call npm with this Node. Throws Failure. @param {string} node @returns {string[]} */
export function npmCommand(node) {
  const called = process.env.npm_execpath;
  if (called && /^npm(-cli)?\.c?js$/.test(basename(called))) return [node, called];
  const found = find("npm");
  if (!found) throw new Failure("npm is missing on this machine. Install it beside Node and start again.");
  const real = realpathSync(found);
  return /\.c?js$/.test(real) ? [node, real] : [found];
}

/** An open file, locked until it is closed here and in every process that got it. @param {string} clone */
export function takeLock(clone) {
  try {
    accessSync(clone, constants.W_OK);
  } catch {
    throw new Failure(`something must be installed or built, but ${clone} cannot be written. Start once as the owner of this folder.`);
  }
  mkdirSync(join(clone, ".node"), { recursive: true });
  const file = openSync(join(clone, ".node/lock"), "a");
  const flock = find("flock"); // there is none outside Linux: two first starts at once are not kept apart there
  if (!flock) return file;
  /** @param {string[]} args */
  const lock = (args) => spawnSync(flock, [...args, "3"], { stdio: ["ignore", 2, 2, file] }).status === 0;
  if (!lock(["--nonblock"])) {
    say("Waiting for another start that is installing into this clone");
    if (!lock([])) throw new Failure("interrupted");
  }
  return file;
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** @param {string} path @param {string} text */
function writeWhole(path, text) {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
