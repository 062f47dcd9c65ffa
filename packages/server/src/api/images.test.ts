import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_IMAGE_BYTES } from "@farhand/protocol";
import { readConversation } from "../store/conversation.ts";
import { sql } from "../store/db.ts";
import { testApi } from "../testing/api.ts";

const PNG = Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.from("and so on")]);
const image = (bytes: Uint8Array) => ({ data: Buffer.from(bytes).toString("base64") });

test("pictures of a prompt are kept with it, served as what they are, and are part of the conversation", async () => {
  await using api = await testApi();
  const gif = Buffer.from("GIF89a and so on");
  const given = await api.call(api.bob, "POST", "/api/v1/tasks", { environment: "shop", prompt: "Look", images: [image(PNG), image(gif)] });
  assert.equal(given.status, 201);
  const { id } = given.body as { id: string };
  const at = (number: number, turn = 1) => `/api/v1/tasks/${id}/turns/${turn}/images/${number}`;
  const served = await api.call(api.bob, "GET", at(2));
  assert.deepEqual([served.status, served.type, served.body], [200, "image/gif", gif.toString()]);
  assert.equal(served.headers["content-security-policy"], "default-src 'none'; sandbox");
  assert.equal(served.headers["x-content-type-options"], "nosniff");
  for (const missing of [at(3), at(1, 2), at(1).replace(id, "task_none")])
    assert.equal((await api.call(api.bob, "GET", missing)).status, 404, missing);
  const [attempt] = await api.db.query<{ id: string }>(sql`select id from attempt where task_id = ${id}`);
  const [exchange] = await readConversation(api.db, attempt?.id ?? "");
  assert.deepEqual(exchange?.images, [
    { mediaType: "image/png", ...image(PNG) },
    { mediaType: "image/gif", ...image(gif) },
  ]);
});

test("what is no picture, too large, too many or no base64 makes no task", async () => {
  await using api = await testApi();
  const give = async (images: object[]) => {
    const { status, body } = await api.call(api.bob, "POST", "/api/v1/tasks", { environment: "shop", prompt: "Look", images });
    return [status, JSON.stringify(body)] as const;
  };
  const large = Buffer.concat([PNG, Buffer.alloc(MAX_IMAGE_BYTES)]);
  for (const [images, words] of [
    [[image(PNG), image(Buffer.from("<svg onload=alert(1)>"))], /image 2 is no PNG, JPEG, GIF or WebP/],
    [[image(Buffer.from("RIFF....WAVE"))], /image 1 is no PNG/],
    [[image(large)], /larger than 3 MiB/],
    [[{ data: "data:image/png;base64,AAAA" }], /is no base64/],
    [Array.from({ length: 5 }, () => image(PNG)), /images/],
    [[{ ...image(PNG), mediaType: "text/html" }], /mediaType/],
  ] as const) {
    const [status, body] = await give([...images]);
    assert.equal(status, 422, body);
    assert.match(body, words);
  }
  assert.equal(
    (await give(Array.from({ length: 4 }, () => image(large.subarray(0, MAX_IMAGE_BYTES)))))[0],
    201,
    "four of the largest are taken",
  );
  const elsewhere = await api.call(api.ada, "POST", "/api/v1/users", { name: "x".repeat(3_000_000), email: "eve@example.org" });
  assert.equal(elsewhere.status, 413, "no other request may be so large");
});
