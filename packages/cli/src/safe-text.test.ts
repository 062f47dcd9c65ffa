import assert from "node:assert/strict";
import { test } from "node:test";
import { SafeText, safe, safeJson, safeLine } from "./safe-text.ts";

/** What may reach a terminal: printable text, tabs, newlines, and sequences that set colours. */
const HARMLESS = /^(?:[\t\n\x20-\x7e\u00a1-\u{10ffff}]|\x1b\[[0-9;:]*m)*$/u;

const HOSTILE: [name: string, text: string, shown: string][] = [
  ["window title", "\x1b]0;pwned\x07", "^[]0;pwned^G"],
  ["clipboard", "\x1b]52;c;cm0gLXJm\x1b\\", "^[]52;c;cm0gLXJm^[\\"],
  ["link", "\x1b]8;;file:///etc\x1b\\x\x1b]8;;\x1b\\", "^[]8;;file:///etc^[\\x^[]8;;^[\\"],
  ["clear screen", "\x1b[2J\x1b[H", "^[[2J^[[H"],
  ["cursor up and overwrite", "\x1b[1A\x1b[2Kok", "^[[1A^[[2Kok"],
  ["answers typed for the user", "\x1b[6n\x1b[c\x05", "^[[6n^[[c^E"],
  ["alternate screen", "\x1b[?1049h", "^[[?1049h"],
  ["device string", "\x1bP$q\x1b\\", "^[P$q^[\\"],
  ["reset", "\x1bc", "^[c"],
  ["character set", "\x1b(0\x0e", "^[(0^N"],
  ["8-bit control", "\x9b2J\x9d0;x\x9c", "\\x9b2J\\x9d0;x\\x9c"],
  ["colour with a private mark", "\x1b[>4;2m", "^[[>4;2m"],
  ["colour cut short", "\x1b[31", "^[[31"],
  ["escape at the end", "x\x1b", "x^["],
  ["bell, backspace, delete, NUL", "\x07\b\x7f\0", "^G^H^?^@"],
  ["vertical tab and form feed", "a\vb\fc", "a^Kb^Lc"],
  ["overwriting a line", "rm -rf /\rls", "rm -rf /\nls"],
  ["text that runs backwards", "a\u202eb\u2066c\u2069", "a<U+202E>b<U+2066>c<U+2069>"],
  ["separators and invisible letters", "a\u2028b\u200bc\ufeff\u{e0041}", "a<U+2028>b<U+200B>c<U+FEFF><U+E0041>"],
  ["half of a pair", "a\ud800b", "a\ufffdb"],
];

for (const [name, text, shown] of HOSTILE) {
  test(`is shown, not obeyed: ${name}`, () => {
    assert.equal(safe(text, false), shown);
    assert.equal(safe(text, true), shown, "with colours as well");
    assert.match(safe(text, true), HARMLESS);
    for (let cut = 0; cut <= text.length; cut++) {
      const pieces = new SafeText(true);
      assert.equal(pieces.write(text.slice(0, cut)) + pieces.write(text.slice(cut)) + pieces.end(), shown, `cut at ${cut}`);
    }
  });
}

test("colours pass where they are wanted, are turned off at the end, and vanish elsewhere", () => {
  const text = "\x1b[1;31mred\x1b[0m \x1b[38;5;200mpink\x1b[48;2;1;2;3mdeep\x1b[4:3mcurly";
  assert.equal(safe(text, true), `${text}\x1b[0m`);
  assert.equal(safe(text, false), "red pinkdeepcurly");
  assert.equal(safe("\x1b[31mx\x1b[m", true), "\x1b[31mx\x1b[m");
});

test("blinking and concealing are taken out of a colour", () => {
  assert.equal(safe("\x1b[5;31;8mx\x1b[0m", true), "\x1b[31mx\x1b[0m");
  assert.equal(safe("\x1b[8mhidden\x1b[28m", true), "hidden");
  assert.equal(safe("\x1b[38;5mx", true), "x");
});

test("a colour goes on after an interruption, and ends when it is reset", () => {
  const text = new SafeText(true);
  assert.equal(text.write("\x1b[3"), "");
  assert.equal(text.write("1mred"), "\x1b[31mred");
  assert.deepEqual([text.pause(), text.resume()], ["\x1b[0m", "\x1b[31m"]);
  assert.equal(text.write("\x1b[0mplain"), "\x1b[0mplain");
  assert.deepEqual([text.pause(), text.resume()], ["", ""]);
});

test("ordinary text of any language stays as it is", () => {
  const text = "Größe\t日本語 עברית 👩‍👩‍👧 e\u0301\nnext\n";
  assert.equal(safe(text, false), text);
  assert.equal(safe("one\r\ntwo\r\n", false), "one\ntwo\n");
  assert.equal(safeLine(" a \n\n b\x07 "), "a b^G");
});

test("no run of random bytes gets a control sequence through", () => {
  const parts = ["\x1b", "[", "]", "?", "3", ";", "1", "m", "J", "\x07", "\r", "\n", "\x9b", "x", "\u202e", "P", "\\"];
  let state = 12_345; // the same sequence every time
  const next = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648);
  for (let round = 0; round < 5000; round++) {
    const text = new SafeText(true);
    let shown = "";
    for (let piece = 0; piece < 4; piece++) shown += text.write(Array.from({ length: 6 }, () => parts[next() % parts.length]).join(""));
    shown += text.end();
    assert.match(shown, HARMLESS);
  }
});

test("JSON says the same with nothing that a terminal obeys", () => {
  const value = { a: "\x1b[2J\x9b\u202e\x7f\u2028\u{e0041}é" };
  const text = safeJson(value);
  assert.match(text, /^[\x20-\x7e\u00a1-\u{10ffff}]*$/u);
  assert.ok(!/[\u202e\u2028]/.test(text));
  assert.deepEqual(JSON.parse(text), value);
});
