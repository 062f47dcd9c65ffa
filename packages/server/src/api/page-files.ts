import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
};

/** `compressed`: by encoding. */
export type Asset = { bytes: Buffer; type: string; tag: string; compressed: Map<string, Promise<Buffer>> };
/** The built page in memory, by path: nothing is read once the process has given up its rights. */
export type Page = ReadonlyMap<string, Asset>;

/** What `npm start` built; null where nothing has been. */
export async function readPage(folder: string): Promise<Page | null> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const page = new Map<string, Asset>();
  for (const entry of entries) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || !type || entry.name.startsWith(".")) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    const tag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
    const brotli = await readFile(`${path}.br`).catch(() => null); // made by the build, with more patience
    const compressed = new Map(brotli ? [["br", Promise.resolve(brotli)]] : []);
    page.set(`/${relative(folder, path).split(sep).join("/")}`, { bytes, type, tag, compressed });
  }
  return page.has("/index.html") ? page : null;
}
