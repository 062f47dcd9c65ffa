import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { imageType, MAX_IMAGE_BYTES, MAX_IMAGES } from "@farhand/protocol";
import { Failure, USAGE } from "./failure.ts";
import type { Invocation } from "./invocation.ts";

/** The files named by --image, as a prompt brings them along. Throws Failure that names the one that is none. */
export async function imagesFrom(invocation: Invocation, files: readonly string[]): Promise<{ data: string }[]> {
  if (files.length > MAX_IMAGES) throw new Failure(`--image may be given ${MAX_IMAGES} times, not ${files.length}`, USAGE);
  return Promise.all(
    files.map(async (file) => {
      const bytes = await readFile(resolve(invocation.cwd, file)).catch((cause: Error) => {
        throw new Failure(`${file} cannot be read: ${cause.message}`, USAGE, { cause });
      });
      if (imageType(bytes) === null) throw new Failure(`${file} is no PNG, JPEG, GIF or WebP`, USAGE);
      if (bytes.length > MAX_IMAGE_BYTES)
        throw new Failure(
          `${file} has ${bytes.length} bytes; an image may have ${MAX_IMAGE_BYTES} (${MAX_IMAGE_BYTES / 1024 / 1024} MiB)`,
          USAGE,
        );
      return { data: bytes.toString("base64") };
    }),
  );
}
