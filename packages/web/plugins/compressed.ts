import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress } from "node:zlib";
import type { Plugin } from "vite";

/** Each file of text once more, as small as brotli gets it: that takes too long for the first who asks for it. */
export function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    async writeBundle({ dir = "dist" }, files) {
      const texts = Object.values(files).filter(({ fileName }) => /\.(js|css)$/.test(fileName));
      await Promise.all(
        texts.map(async (file) => {
          const bytes = await promisify(brotliCompress)(file.type === "chunk" ? file.code : file.source);
          await writeFile(join(dir, `${file.fileName}.br`), bytes);
        }),
      );
    },
  };
}
