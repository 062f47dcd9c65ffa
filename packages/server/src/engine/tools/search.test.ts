import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { searchTool } from "./search.ts";
import { type Bench, toolBench, WORKSPACE } from "./testing.ts";

const GIT = "git -c init.defaultBranch=main -c user.name=a -c user.email=a@b";

let bench: Bench;
before(async () => {
  bench = await toolBench();
  await bench.sh(`
    ${GIT} init -q && mkdir -p src/deep build .ci && echo build > .gitignore
    printf 'import x\\nfunction total() {\\n  return 1;\\n}\\n' > src/a.ts
    printf 'total\\n' > src/deep/b.js; printf 'Total\\n' > build/out.ts; printf 'total\\n' > .ci/run.ts
    printf 'total\\0binary' > src/bin.ts; printf 'total\\n' > ./-e; git add . && ${GIT} commit -qm one; echo 'total = new' > src/new.ts`);
});
after(() => bench[Symbol.asyncDispose]());

// The same questions, by each program that may be there: what comes first on PATH hides the others.
const HIDE = { ripgrep: "", git: "rg", grep: "rg git" };
for (const [program, hidden] of Object.entries(HIDE)) {
  const search = async (input: Record<string, string | number | boolean>) => {
    const { sandbox } = bench;
    const without: typeof sandbox = {
      ...sandbox,
      run: sandbox.run,
      lost: sandbox.lost,
      [Symbol.asyncDispose]: async () => {},
      exec: (command, signal) => {
        const [sh, c, script = "", ...rest] = command.argv;
        const names = hidden
          .split(" ")
          .filter(Boolean)
          .map((name) => `${name}() { return 127; }; `);
        const command_ = hidden === "" ? "" : `command() { case " ${hidden} " in *" $2 "*) return 1;; esac; type "$2"; }; `;
        return sandbox.exec({ ...command, argv: [sh, c ?? "", `${names.join("")}${command_}${script}`, ...rest] }, signal);
      },
    };
    return bench.call(searchTool, input, { sandbox: without });
  };
  const found = async (input: Record<string, string | number | boolean>) => {
    const { text, isError } = await search(input);
    assert.equal(isError, false, text);
    return text.split("\n").sort();
  };

  test(`${program}: matches with file and line, hidden files too, without binary files`, async () => {
    const ignored = program === "grep" ? [] : await found({ pattern: "Total" });
    assert.deepEqual(ignored, program === "grep" ? [] : ["No match."], "what git ignores is left out");
    assert.deepEqual(
      (await found({ pattern: "^ *total" })).filter((line) => !line.startsWith("-e") && !line.startsWith("./-e")),
      [".ci/run.ts:1:total", "src/deep/b.js:1:total", "src/new.ts:1:total = new"],
    );
  });

  test(`${program}: in a folder, by name, with lines around, any case`, async () => {
    assert.deepEqual(await found({ pattern: "total", path: "src", glob: "*.js" }), ["src/deep/b.js:1:total"]);
    assert.deepEqual(await found({ pattern: "TOTAL", path: `${WORKSPACE}/src/a.ts`, ignore_case: true, context: 1 }), [
      "src/a.ts-1-import x",
      "src/a.ts-3-  return 1;",
      "src/a.ts:2:function total() {",
    ]);
    assert.deepEqual(await found({ pattern: "no such thing" }), ["No match."]);
  });

  test(`${program}: lists files`, async () => {
    assert.deepEqual(await found({ path: "src", glob: "*.ts" }), ["src/a.ts", "src/bin.ts", "src/new.ts"]);
    assert.deepEqual(await found({ path: "src/deep" }), ["src/deep/b.js"]);
    assert.deepEqual(await found({ glob: "*.none" }), ["No file found."]);
  });

  test(`${program}: what is no pattern and what is not there are said; nothing is an option or a script`, async () => {
    const broken = await search({ pattern: "a(" });
    assert.equal(broken.isError, true);
    assert.match(broken.text, /paren|group|unmatched|\(/i);
    assert.deepEqual(await search({ pattern: "x", path: "none" }), { text: "there is no none", isError: true, exit: null, output: null });
    assert.deepEqual(await found({ pattern: "--files" }), ["No match."]);
    assert.deepEqual(await found({ pattern: "$(touch hacked)" }), ["No match."]);
    assert.deepEqual(await found({ pattern: "total", path: "-e" }), [program === "git" ? "-e:1:total" : "-e:1:total"]);
    await bench.sh("! [ -e hacked ]");
  });
}

test("many matches and long lines are bounded, and it is said", async () => {
  await bench.sh("yes 'needle in a line' | head -n 100000 > many.txt; head -c 3000000 /dev/zero | tr '\\0' y > wide.txt");
  const many = await bench.answer(searchTool, { pattern: "needle" });
  assert.match(many, /^many\.txt:1:needle in a line\n[\s\S]*\n\[the first 200 of more than \d+ lines; narrow the search\]$/);
  const wide = await bench.answer(searchTool, { pattern: "yy", path: "wide.txt" });
  assert.ok(wide.length < 600, `${wide.length}`);
  await bench.sh("rm many.txt wide.txt");
});
