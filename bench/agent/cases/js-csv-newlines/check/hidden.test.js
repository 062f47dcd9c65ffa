import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "./index.js";

test("a line break in quotes", () => assert.deepEqual(parse('a,"x\ny"\nb,z\n'), [["a", "x\ny"], ["b", "z"]]));
test("CRLF in quotes is kept", () => assert.deepEqual(parse('"x\r\ny",1\r\nb,2\r\n'), [["x\r\ny", "1"], ["b", "2"]]));
test("empty lines are rows of one empty field, as before", () => assert.deepEqual(parse("a\n\nb"), [["a"], [""], ["b"]]));
test("doubled quotes beside a line break", () => assert.deepEqual(parse('"""\n"""'), [['"\n"']]));
test("a final line without a break", () => assert.deepEqual(parse("a\nb"), [["a"], ["b"]]));
