// npm run format [PATH...]: formats, and mends what the linter can mend.
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const paths = process.argv.slice(2);
const run = spawnSync("node_modules/.bin/biome", ["check", "--write", ...(paths.length > 0 ? paths : ["."])], {
  cwd: root,
  stdio: "inherit",
});
process.exit(run.status ?? 1);
