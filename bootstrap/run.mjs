// Starts one of the project's programs: node bootstrap/run.mjs [--page] [--needs bwrap,git] FILE ARGS...
// Brings along what it needs (Node, dependencies, system packages; with --page the built page). Runs on any Node from 18 and has no dependencies.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildPage } from "./page.mjs";
import { installed, prepare } from "./prepare.mjs";
import { Failure, say } from "./say.mjs";
import { requirePrograms } from "./system-packages.mjs";

const clone = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
const page = args[0] === "--page" && args.shift() !== undefined;
const needs = args[0] === "--needs" ? (args.splice(0, 2)[1] ?? "").split(",") : [];
const [file, ...rest] = args;

/** Runs the program in this terminal, passes signals on, and ends as it ended. @param {string} node @param {string} program */
function run(node, program) {
  const compiled = resolve(clone, "node_modules/.cache/compiled"); // half of a start is else to strip types and to compile
  const env = { NODE_USE_SYSTEM_CA: "1", NODE_COMPILE_CACHE: compiled, ...process.env };
  const child = spawn(node, [resolve(clone, program), ...rest], { stdio: "inherit", env });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    say(`farhand: ${node} could not be started: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    // Not left to Node's own way out: that takes the handlers away first, and one more Ctrl-C would then end it by the signal.
    process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0));
  });
}

try {
  if (!file) throw new Failure("usage: node bootstrap/run.mjs [--page] [--needs PROGRAM,...] FILE ARGS...");
  const node = installed(clone) ?? prepare(clone);
  requirePrograms(needs);
  if (page) buildPage(clone, node);
  run(node, file);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  say(`farhand: ${error.message}`);
  process.exitCode = 1;
}
