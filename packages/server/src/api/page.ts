import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Asset, Page } from "./page-files.ts";
import type { Api } from "./parts.ts";
import { problem } from "./problems.ts";

const IS_TEXT = /^(text|application)\/|svg/;
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
const WORTH_BYTES = 1024;

/** The page at every path that is no file of it and not of the API: its own router knows them. */
export function pageRoutes(app: Api, page: Page | null): void {
  app.get("/*", { config: { open: true }, schema: { hide: true } }, async (request, reply) => {
    const path = request.url.split("?")[0] ?? "/";
    if (path === "/api" || path.startsWith("/api/")) return problem(reply, 404, "not-found", `there is no GET ${path}`);
    if (!page) return problem(reply, 503, "unavailable", "the page has not been built: npm start builds it");
    const asset = page.get(path === "/" ? "/index.html" : path);
    if (asset) return send(request, reply, asset, path.startsWith("/assets/"));
    const index = page.get("/index.html");
    const isFile = path.startsWith("/assets/") || (/\.[^/]*$/.test(path) && !request.headers.accept?.includes("text/html"));
    if (!index || isFile) return problem(reply, 404, "not-found", `there is no ${path}`);
    return send(request, reply, index, false);
  });
}

/** Names in /assets/ change with their content, so they never have to be asked for again. */
async function send(request: FastifyRequest, reply: FastifyReply, asset: Asset, immutable: boolean): Promise<FastifyReply> {
  reply.headers({
    "cache-control": immutable ? "public, max-age=31536000, immutable" : "no-cache",
    etag: asset.tag,
    vary: "accept-encoding",
  });
  if (request.headers["if-none-match"] === asset.tag) return reply.code(304).send();
  const encoding = encodingFor(request, asset);
  const body = encoding ? await compressed(asset, encoding) : asset.bytes;
  if (encoding) reply.header("content-encoding", encoding);
  return reply.type(asset.type).send(body);
}

function encodingFor(request: FastifyRequest, { type, bytes }: Asset): "br" | "gzip" | null {
  if (bytes.length < WORTH_BYTES || !IS_TEXT.test(type)) return null;
  const accepted = String(request.headers["accept-encoding"] ?? "");
  return /\bbr\b/.test(accepted) ? "br" : /\bgzip\b/.test(accepted) ? "gzip" : null;
}

/** Compressed once, when it is asked for first; by the build or here. */
function compressed(asset: Asset, encoding: "br" | "gzip"): Promise<Buffer> {
  const known = asset.compressed.get(encoding);
  if (known) return known;
  const made = encoding === "br" ? promisify(brotliCompress)(asset.bytes, BROTLI) : promisify(gzip)(asset.bytes, { level: 9 });
  asset.compressed.set(encoding, made);
  return made;
}
