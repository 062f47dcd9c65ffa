import { type ImageType, imageType, MAX_IMAGE_BYTES } from "@farhand/protocol";
import { UserError } from "./user-error.ts";

export type Image = { mediaType: ImageType; bytes: Buffer };

/** What was sent, if each is a picture by its own first bytes; nobody's word is taken for it. Throws UserError that says which is not. */
export function imagesOf(sent: readonly { data: string }[]): Image[] {
  return sent.map(({ data }, index) => {
    const bytes = Buffer.from(data, "base64");
    const mediaType = imageType(bytes);
    if (mediaType === null) throw new UserError("invalid", `image ${index + 1} is no PNG, JPEG, GIF or WebP`);
    if (bytes.length > MAX_IMAGE_BYTES)
      throw new UserError("invalid", `image ${index + 1} is larger than ${MAX_IMAGE_BYTES / 1024 / 1024} MiB`);
    return { mediaType, bytes };
  });
}
