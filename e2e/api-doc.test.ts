import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { makeRepository } from "./repository.ts";
import { run, startService } from "./service.ts";

const page = new URL("../docs/api.md", import.meta.url);
const CUT = "--- end of example ---";

/** The examples with what they print, where the page says it. */
function examples(markdown: string): { language: string; text: string; prints: string | null }[] {
  const found: { language: string; text: string; prints: string | null }[] = [];
  for (const [, language = "", text = ""] of markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)) {
    const last = found.at(-1);
    if (language !== "text") found.push({ language, text, prints: null });
    else if (last) last.prints = text;
  }
  return found;
}

/** "…" stands for anything within a line. */
function agrees(printed: string, expected: string): boolean {
  const pattern = expected
    .trim()
    .split("…")
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  return new RegExp(`^${pattern}$`).test(printed.trim());
}

test("every example of docs/api.md works, and prints what the page says", { timeout: 300_000 }, async () => {
  await using repository = await makeRepository({ "README.md": "# Shop\n" });
  await using service = await startService();
  const folder = await mkdtemp(join(tmpdir(), "farhand-doc-"));
  try {
    const all = examples(await readFile(page, "utf8"));
    const shell = all.filter((one) => one.language === "sh");
    assert.ok(shell.length > 7);
    const script = shell.map((one) => `${one.text}\necho; echo "${CUT}"\n`).join("");
    const env = { PATH: process.env.PATH, FARHAND_URL: service.url, FARHAND_TOKEN: service.token, REPOSITORY: repository.path };
    const ran = await run("timeout", ["200", "sh", "-eu", "-c", script], env, "", folder);
    const printed = ran.stdout.split(`${CUT}\n`);
    for (const [i, { text, prints }] of shell.entries())
      if (prints !== null) assert.ok(agrees(printed[i] ?? "", prints), `${text}\nprinted\n${printed[i]}\n${ran.stderr}`);
    assert.equal(ran.code, 0, ran.stderr);

    for (const { text, prints } of all.filter((one) => one.language === "ts")) {
      const file = fileURLToPath(new URL(`./.example-${process.pid}.ts`, import.meta.url)); // beside the packages that it imports
      await writeFile(file, text);
      try {
        const typed = await run("timeout", ["60", process.execPath, file], env);
        assert.ok(agrees(typed.stdout, prints ?? ""), `${typed.stdout}${typed.stderr}`);
      } finally {
        await rm(file);
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
