import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { applyPatchTool } from "./apply-patch.ts";
import { editTool } from "./edit.ts";
import { readFileTool } from "./read-file.ts";
import { type Bench, toolBench, WORKSPACE } from "./testing.ts";
import { writeFileTool } from "./write-file.ts";

let bench: Bench;
before(async () => {
  bench = await toolBench();
});
after(() => bench[Symbol.asyncDispose]());

const patch = (...lines: string[]) => ({ input: ["*** Begin Patch", ...lines, "*** End Patch"].join("\n") });

describe("read_file", () => {
  const read = (path: string, more = {}) => bench.answer(readFileTool, { path, ...more });

  test("lines with their numbers, from where it is asked, and how to go on", async () => {
    await bench.put("n.txt", Array.from({ length: 1000 }, (_, at) => `line ${at + 1}\n`).join(""));
    assert.match(
      await read("n.txt"),
      /^1\tline 1\n2\tline 2\n[\s\S]*\n400\tline 400\n\[lines 1 to 400 of 1000; go on with first_line 401\]$/,
    );
    assert.equal(await read("n.txt", { first_line: 999 }), "999\tline 999\n1000\tline 1000");
    assert.equal(
      await read(`${WORKSPACE}/n.txt`, { first_line: 2, lines: 1 }),
      "2\tline 2\n[lines 2 to 2 of 1000; go on with first_line 3]",
    );
    assert.equal(await read("n.txt", { first_line: 5000 }), "The file has 1000 lines; there is none from line 5000 on.");
  });

  test("the last line without an end, an empty file, Windows' ends of lines, Latin-1", async () => {
    await bench.put("a.txt", "one\r\ntwo");
    assert.equal(await read("a.txt"), "1\tone\n2\ttwo");
    await bench.put("empty", "");
    assert.equal(await read("empty"), "(the file is empty)");
    await bench.put("latin", Buffer.from("caf\u00e9\n", "latin1"));
    assert.equal(await read("latin"), "1\tcafé");
  });

  test("a line of a megabyte and a file of 100 MB are bounded", async () => {
    await bench.put("long", "x".repeat(1_000_000));
    const long = await read("long");
    assert.ok(long.length < 2_200);
    assert.match(long, /x \[\.\.\. \d+ more characters\]/);
    await bench.sh("truncate -s 0 big; yes 'some words of a line' | head -c 100000000 > big");
    const big = await read("big", { lines: 2000 });
    assert.ok(big.length < 33_000);
    assert.match(big, /\[lines 1 to \d+ of 4761904; go on with first_line \d+\]$/);
    assert.match(await read("big", { first_line: 4_761_900, lines: 2 }), /^4761900\tsome words of a line\n4761901\t/);
    await bench.sh("rm big");
  });

  test("binary is named and not shown; control characters are no control characters", async () => {
    await bench.put("a.png", Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"));
    assert.equal(await read("a.png"), "a.png is a binary file (PNG image, 16 bytes): look at it with shell");
    await bench.put("esc", "a\x1b[31mred\x1b[0m\n");
    assert.equal(await read("esc"), "1\ta\ufffd[31mred\ufffd[0m");
  });

  test("a directory is its entries; what is missing, no file, or not readable is said", async () => {
    await bench.sh(
      "mkdir -p dir/sub empty-dir; touch dir/f dir/-rf dir/.hid; mkfifo dir/pipe; touch dir/secret; chmod 0 dir/secret; ln -s nowhere dir/link",
    );
    assert.equal(await read("dir"), "dir is a directory:\n-rf\n.hid\nf\nlink\npipe\nsecret\nsub/");
    assert.equal(await read("dir/-rf"), "(the file is empty)");
    assert.equal(await read("empty-dir"), "empty-dir is a directory, and empty");
    const failure = (path: string) => bench.failure(readFileTool, { path });
    assert.equal(await failure("dir/none"), "there is no file dir/none");
    assert.equal(await failure("dir/link"), "there is no file dir/link");
    assert.match(await failure("dir/pipe"), /is no regular file$/);
    assert.match(await failure("/dev/zero"), /is no regular file$/);
    assert.match(await failure("dir/secret"), /permission denied$/);
    assert.match(await failure("a\0b"), /NUL/);
  });

  test("a name is never taken for an option or a piece of script", async () => {
    for (const name of ["-n", "$(touch hacked)", "a b'\"", "new\nline", "ünï"]) {
      await bench.answer(writeFileTool, { path: name, content: "here\n" });
      assert.equal(await read(name), "1\there");
    }
    await bench.sh("! [ -e hacked ]");
  });
});

describe("write_file", () => {
  test("makes directories, keeps the mode of what is there and a symbolic link, and stays out of directories", async () => {
    assert.equal(await bench.answer(writeFileTool, { path: "w/x/y.txt", content: "é\n" }), "Made w/x/y.txt.");
    assert.equal(await bench.get("w/x/y.txt"), "é\n");
    await bench.sh("cd w; echo old > run.sh; chmod 751 run.sh; ln -s run.sh link");
    assert.equal(await bench.answer(writeFileTool, { path: "w/link", content: "new" }), "Replaced w/link.");
    assert.equal(await bench.sh("stat -c %a w/run.sh; cat w/run.sh; readlink w/link"), "751\nnewrun.sh\n");
    assert.match(await bench.failure(writeFileTool, { path: "w", content: "" }), /is a directory/);
    assert.match(await bench.failure(writeFileTool, { path: "w/run.sh/a", content: "" }), /w\/run.sh\/a failed: .*; nothing was changed/);
    assert.match(await bench.failure(writeFileTool, { path: "/usr/x", content: "" }), /read-only/);
    assert.equal(await bench.sh("ls -A /var/tmp"), "", "nothing is left behind");
  });
});

describe("edit", () => {
  const edit = (path: string, old_text: string, new_text: string, more = {}) => ({ path, old_text, new_text, ...more });

  test("replaces what is there once, says the line, and takes no sign of the new text for a pattern", async () => {
    await bench.put("e.ts", "one\ntwo\nthree\n");
    assert.equal(await bench.answer(editTool, edit("e.ts", "two\n", "$& $1 \\n\n")), "Edited e.ts at line 2.");
    assert.equal(await bench.get("e.ts"), "one\n$& $1 \\n\nthree\n");
  });

  test("what is there more than once is counted, and replaced only where that is asked", async () => {
    await bench.put("m.ts", "x = 1\ny\nx = 1\n");
    assert.match(await bench.failure(editTool, edit("m.ts", "x = 1", "x = 2")), /is there 2 times, at lines 1, 3: add lines/);
    assert.equal(
      await bench.answer(editTool, edit("m.ts", "x = 1", "x = 2", { replace_all: true })),
      "Edited m.ts in 2 places: lines 1, 3.",
    );
    assert.equal(await bench.get("m.ts"), "x = 2\ny\nx = 2\n");
  });

  test("a mismatch shows the nearest text with its lines", async () => {
    await bench.put(
      "p.py",
      "def a():\n    return 1\n\ndef total(items):\n    total = 0\n    for item in items:\n        total += item.price\n    return total\n",
    );
    const blank = await bench.failure(editTool, edit("p.py", "def total(items):\n  total = 0", "x"));
    assert.match(blank, /^old_text is not in the file\. Only white space differs:\n2\t.*\n3\t\n4\tdef total\(items\):\n5\t {4}total = 0\n/);
    const near = await bench.failure(editTool, edit("p.py", "    total += item.cost * item.count\n", "x"));
    assert.match(near, /The nearest text:\n[\s\S]*7\t {8}total \+= item\.price/);
    assert.match(await bench.failure(editTool, edit("p.py", "zebra crossing", "x")), /nothing like it is/);
  });

  test("ends of lines, a missing last end, a byte order mark and Latin-1 are kept", async () => {
    await bench.put("crlf.txt", "\ufeffone\r\ntwo\r\nthree");
    await bench.answer(editTool, edit("crlf.txt", "one\ntwo\n", "1\n2\nand\n"));
    assert.equal(await bench.get("crlf.txt"), "\ufeff1\r\n2\r\nand\r\nthree");
    await bench.answer(editTool, edit("crlf.txt", "three", "3\n4"));
    assert.equal(await bench.get("crlf.txt"), "\ufeff1\r\n2\r\nand\r\n3\r\n4");
    await bench.put("latin.c", Buffer.from("/* \u00fc */\nint a;\n", "latin1"));
    await bench.answer(editTool, edit("latin.c", "int a;", "int \u00e4;"));
    assert.equal(await bench.get("latin.c", "latin1"), "/* ü */\nint ä;\n");
    assert.match(await bench.failure(editTool, edit("latin.c", "int", "€")), /Latin-1/);
  });

  test("binary, missing and too large files are refused", async () => {
    await bench.put("bin", Buffer.from([65, 0, 66]));
    assert.match(await bench.failure(editTool, edit("bin", "A", "C")), /binary/);
    assert.match(await bench.failure(editTool, edit("none", "A", "C")), /there is no file none/);
    await bench.sh("head -c 9000000 /dev/zero | tr '\\0' x > large");
    assert.match(await bench.failure(editTool, edit("large", "x", "y")), /larger than 8 MiB/);
    await bench.sh("rm large");
    assert.match(await bench.failure(editTool, edit("e.ts", "one", "one")), /the same/);
    assert.match(await bench.failure(editTool, edit("e.ts", "", "one")), /is empty/);
  });
});

describe("apply_patch", () => {
  const apply = (...lines: string[]) => bench.answer(applyPatchTool, patch(...lines));
  const refused = (...lines: string[]) => bench.failure(applyPatchTool, patch(...lines));

  test("updates, adds, deletes and moves in one go", async () => {
    await bench.sh("mkdir p; printf 'a\\nb\\nc\\n' > p/one; printf 'x\\ny\\n' > p/two; chmod 755 p/two; echo gone > p/three");
    const told = await apply(
      "*** Update File: p/one",
      "@@",
      " a",
      "-b",
      "+B",
      " c",
      "*** Update File: p/two",
      "*** Move to: p/deep/four",
      "@@",
      "-y",
      "+z",
      "*** Delete File: p/three",
      "*** Add File: p/new/five",
      "+hello",
      "+",
      "+world",
    );
    assert.equal(told, "M p/one\nR p/two -> p/deep/four\nD p/three\nA p/new/five");
    assert.equal(
      await bench.sh("cd p; find . -type f | sort; cat one deep/four new/five"),
      "./deep/four\n./new/five\n./one\na\nB\nc\nx\nz\nhello\n\nworld\n",
    );
    assert.equal(await bench.sh("stat -c %a p/deep/four"), "755\n", "a moved file keeps its mode");
  });

  test("nothing is changed where one file does not fit", async () => {
    await bench.sh("mkdir q; echo a > q/one; echo b > q/two; mkdir q/ro; echo c > q/ro/f; chmod 444 q/ro/f");
    const misfit = await refused("*** Update File: q/one", "-a", "+A", "*** Update File: q/two", "-nope", "+B");
    assert.match(misfit, /^Nothing of the patch is applied: the hunk of q\/two does not match the file, and nothing there is like it$/);
    const readOnly = await refused("*** Update File: q/one", "-a", "+A", "*** Delete File: q/two", "*** Update File: q/ro/f", "-c", "+C");
    assert.match(readOnly, /q\/ro\/f cannot be written: it is read-only; nothing was changed/);
    assert.equal(await bench.sh("cat q/one q/two q/ro/f"), "a\nb\nc\n");
    assert.equal(await bench.sh("ls -A /var/tmp"), "");
  });

  test("a file twice in a patch, deleted and made anew", async () => {
    await bench.put("r/f", "1\n2\n3\n");
    await apply("*** Update File: r/f", "-1", "+one", "*** Update File: r/f", "-3", "+three");
    assert.equal(await bench.get("r/f"), "one\n2\nthree\n");
    await apply("*** Delete File: r/f", "*** Add File: r/f", "+again");
    assert.equal(await bench.get("r/f"), "again\n");
  });

  test("what is there already, what is not there, binary and directories are said", async () => {
    await bench.sh("mkdir -p s/dir; echo a > s/f; printf '\\0' > s/bin");
    assert.match(await refused("*** Add File: s/f", "+x"), /s\/f exists already/);
    assert.match(await refused("*** Update File: s/none", "-a", "+b"), /there is no file s\/none/);
    assert.match(await refused("*** Delete File: s/none"), /there is no file/);
    assert.match(await refused("*** Update File: s/bin", "-a", "+b"), /binary/);
    assert.match(await refused("*** Delete File: s/dir"), /is a directory/);
    assert.match(await refused("*** Update File: s/f", "*** Move to: s/bin"), /s\/bin exists already/);
  });
});
