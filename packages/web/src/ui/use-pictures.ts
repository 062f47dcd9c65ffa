import { imageType, MAX_IMAGE_BYTES, MAX_IMAGES } from "@farhand/protocol";
import { type ClipboardEvent, type DragEvent, useState } from "react";
import { visibleLine } from "../lib/visible-text.ts";

/** `url` is the picture itself, as data. */
export type Picture = { name: string; url: string };

/** Pictures that are to go with a prompt: pasted, dropped or chosen. `wrong` says why one was not taken. */
export function usePictures() {
  const [pictures, setPictures] = useState<readonly Picture[]>([]);
  const [wrong, setWrong] = useState<string | null>(null);
  const add = async (files: Iterable<File>) => {
    setWrong(null);
    for (const file of files) {
      const read = await readPicture(file);
      if (typeof read === "string") setWrong(read);
      else setPictures((before) => (before.length < MAX_IMAGES ? [...before, read] : before));
    }
  };
  return {
    pictures,
    wrong,
    add,
    remove: (at: number) => setPictures((before) => before.filter((_, index) => index !== at)),
    clear: () => setPictures([]),
    /** As the API takes them; nothing where there are none. */
    sent: () => (pictures.length === 0 ? {} : { images: pictures.map(({ url }) => ({ data: url.slice(url.indexOf(",") + 1) })) }),
    /** For the box that they are pasted or dropped into. */
    box: {
      onPaste: (event: ClipboardEvent) => take(event.clipboardData, event, add),
      onDrop: (event: DragEvent) => take(event.dataTransfer, event, add),
      onDragOver: (event: DragEvent) => {
        if (event.dataTransfer.types.includes("Files")) event.preventDefault();
      },
    },
  };
}

function take(data: DataTransfer, event: { preventDefault(): void }, add: (files: File[]) => Promise<void>): void {
  const files = [...data.files];
  if (files.length === 0) return; // text is the box's own affair
  event.preventDefault();
  void add(files);
}

/** In words where it is no picture that can be sent. */
async function readPicture(file: File): Promise<Picture | string> {
  const name = visibleLine(file.name);
  if (file.size > MAX_IMAGE_BYTES) return `${name} is larger than ${MAX_IMAGE_BYTES / 1024 / 1024} MiB.`;
  const type = imageType(new Uint8Array(await file.slice(0, 16).arrayBuffer()));
  if (type === null) return `${name} is no PNG, JPEG, GIF or WebP.`;
  const url = await new Promise<string | null>((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => resolve(null);
    reader.readAsDataURL(file.slice(0, file.size, type));
  });
  return url === null ? `${name} could not be read.` : { name, url };
}
