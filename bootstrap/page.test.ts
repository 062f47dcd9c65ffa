import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { buildPage } from "./page.mjs";

/** Stands in for npm: notes each build, and leaves what Vite would. */
const NPM = `
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
appendFileSync("builds", process.argv.slice(2).join(" ") + "\\n");
if (existsSync("fail")) { console.log("no such module"); process.exit(1); }
rmSync("packages/web/dist", { recursive: true, force: true });
mkdirSync("packages/web/dist", { recursive: true });
writeFileSync("packages/web/dist/index.html", "built");
`;

test("the page is built when its sources or dependencies are others than at the last build, and not else", () => {
  const clone = mkdtempSync(join(tmpdir(), "farhand-page-"));
  const known = process.env.npm_execpath;
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(clone, path)), { recursive: true });
    writeFileSync(join(clone, path), text);
  };
  const builds = () => (existsSync(join(clone, "builds")) ? readFileSync(join(clone, "builds"), "utf8").trim().split("\n") : []);
  try {
    write("npm-cli.js", NPM);
    write("package.json", '{"type":"module"}');
    write("package-lock.json", "1");
    write("packages/web/src/main.tsx", "1");
    write("packages/protocol/src/task.ts", "1");
    process.env.npm_execpath = join(clone, "npm-cli.js");
    const build = () => buildPage(clone, process.execPath);
    build();
    build();
    assert.deepEqual(builds(), ["run build -w packages/web"]);
    for (const path of ["packages/web/src/main.tsx", "packages/web/src/new.tsx", "packages/protocol/src/task.ts", "package-lock.json"]) {
      const before = builds().length;
      write(path, "2");
      build();
      assert.equal(builds().length, before + 1, path);
    }
    write("packages/web/node_modules/x.js", "3");
    write("packages/protocol/src/task.test.ts", "3");
    build();
    assert.equal(builds().length, 5, "tests and dependencies in place are no sources");

    write("packages/web/src/main.tsx", "4");
    write("fail", "");
    assert.throws(build, /the page could not be built \(exit code 1\)/);
    rmSync(join(clone, "fail"));
    build();
    assert.equal(builds().length, 7, "what failed is done again");
  } finally {
    if (known === undefined) delete process.env.npm_execpath;
    else process.env.npm_execpath = known;
    rmSync(clone, { recursive: true, force: true });
  }
});
