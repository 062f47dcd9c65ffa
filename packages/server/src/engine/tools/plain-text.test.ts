import assert from "node:assert/strict";
import { test } from "node:test";
import { PlainText } from "./plain-text.ts";

/** The text in pieces of every size, which must make no difference. */
function plain(text: string): string {
  const read = (size: number) => {
    const reader = new PlainText();
    let out = "";
    for (let at = 0; at < text.length; at += size) out += reader.write(text.slice(at, at + size));
    return out + reader.flush();
  };
  const whole = read(text.length || 1);
  for (const size of [1, 2, 7]) assert.equal(read(size), whole);
  return whole;
}

test("escape sequences of every kind go, the text stays", () => {
  assert.equal(
    plain("\x1b[1;31mred\x1b[0m \x1b]0;title\x07and \x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\ \x1b(B\x1b7\x9b2Jx\n"),
    "red and link x\n",
  );
  assert.equal(plain("\x1b[?25l\x1b[2K\rdone\x07\n"), "done\n");
});

test("of a line that is written over, the last state", () => {
  assert.equal(plain("10%\r50%\r100%\nok\r\n"), "100%\nok\n");
  assert.equal(plain("|\b/\b-\b\\\bdone\n"), "done\n");
  assert.equal(plain("N\bNA\bAM\bME\bE"), "NAME");
  assert.equal(plain("a\r\r\n\r\nb"), "a\n\nb");
});

test("a progress bar of a megabyte without an end of line is one line", () => {
  const bar = Array.from({ length: 40_000 }, (_, at) => `\rfetching ${at} of 40000`).join("");
  const reader = new PlainText();
  let out = "";
  for (let at = 0; at < bar.length; at += 10_000) out += reader.write(bar.slice(at, at + 10_000));
  assert.equal(out + reader.write("\rall fetched\n"), "all fetched\n");
});

test("binary is named, what stands around it is kept", () => {
  const binary = "\u2400\x01\x02\ufffd\ufffdELF\u2400\u2400\n\x03\ufffd\n";
  assert.match(plain(`before\n${binary}after it\n`), /^before\n\[about \d+ bytes of binary output\]\nafter it\n$/);
  assert.match(plain(binary.repeat(1000)), /^\[about \d+ bytes of binary output\]\n$/);
  assert.equal(plain("caf\ufffd is a word of Latin-1\n"), "caf\ufffd is a word of Latin-1\n");
});

test("a line that comes again and again is shown once and counted; a few short ones stay", () => {
  assert.equal(
    plain(`begin\n${"waiting for device\n".repeat(900)}done\n`),
    "begin\nwaiting for device\n[899 more lines like the one above]\ndone\n",
  );
  assert.equal(plain(`${"waiting for device\n".repeat(900)}wai`), "waiting for device\n[899 more lines like the one above]\nwai");
  assert.equal(plain("}\n}\n}\n\n\nend\nend\n"), "}\n}\n}\n\n\nend\nend\n");
  assert.match(plain(`${"same\n".repeat(3)}\x01\x02\x03\x04\nsame\n`), /^(same\n){3}\[about \d+ bytes of binary output\]\nsame\n$/);
});

test("an unfinished line can be seen before it ends", () => {
  const reader = new PlainText();
  assert.equal(reader.write("one\nPassword: "), "one\n");
  assert.equal(reader.flush(), "Password: ");
  assert.equal(reader.write("ok\n"), "ok\n");
});

test("hostile text costs no more than its length", () => {
  for (const text of ["\x1b".repeat(200_000), "\x1b]".repeat(100_000), "\x1b[0".repeat(70_000), "\b".repeat(200_000), "\r".repeat(200_000)])
    assert.ok(new PlainText().write(`${text}\n`).length <= text.length);
  assert.equal(new PlainText().write("y".repeat(200_000)).length, 200_000);
});
