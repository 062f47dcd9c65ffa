import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "./index.js";

test("rows and fields", () => assert.deepEqual(parse("a,b\nc,d\n"), [["a", "b"], ["c", "d"]]));
test("quotes and commas", () => assert.deepEqual(parse('"a,b","say ""hi"""'), [["a,b", 'say "hi"']]));
test("CRLF", () => assert.deepEqual(parse("a\r\nb\r\n"), [["a"], ["b"]]));
test("nothing", () => assert.deepEqual(parse(""), []));
