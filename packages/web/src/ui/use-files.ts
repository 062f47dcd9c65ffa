import { imageType, MAX_IMAGE_BYTES, MAX_IMAGES } from "@farhand/protocol";
import { type ClipboardEvent, type DragEvent, useState } from "react";
import { visibleLine } from "../lib/visible-text.ts";

/** `url` is the picture itself, as data. */
export type Picture = { name: string; url: string };

/**
 * Files that are to go with a prompt: pasted, dropped or chosen. Pictures stand beside it; what a file of text says is put into it by `change`, as a fenced
 * block under its name. `wrong` says why one was not taken.
 */
export function useFiles(change: (of: (before: string) => string) => void) {
  const [pictures, setPictures] = useState<readonly Picture[]>([]);
  const [wrong, setWrong] = useState<string | null>(null);
  const add = async (files: Iterable<File>) => {
    setWrong(null);
    let room = MAX_IMAGES - pictures.length;
    for (const file of files) {
      const type = imageType(new Uint8Array(await file.slice(0, 16).arrayBuffer()));
      if (type === null && !file.type.startsWith("image/")) {
        const { block, fault } = await readText(file);
        if (block !== null) change((before) => (before.trim() === "" ? block : `${before.trimEnd()}\n\n${block}`));
        else setWrong(fault);
        continue;
      }
      const read = await readPicture(file, type);
      if (typeof read === "string") setWrong(read);
      else if (room === 0) setWrong(`${read.name} is one too many: a prompt takes ${MAX_IMAGES} pictures.`);
      else {
        room -= 1;
        setPictures((before) => [...before, read]);
      }
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
async function readPicture(file: File, type: string | null): Promise<Picture | string> {
  const name = visibleLine(file.name);
  if (file.size > MAX_IMAGE_BYTES) return `${name} is larger than ${MAX_IMAGE_BYTES / 1024 / 1024} MiB.`;
  if (type === null) return `${name} is no PNG, JPEG, GIF or WebP.`;
  const url = await new Promise<string | null>((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => resolve(null);
    reader.readAsDataURL(file.slice(0, file.size, type));
  });
  return url === null ? `${name} could not be read.` : { name, url };
}

const MAX_TEXT_BYTES = 64 * 1024;

async function readText(file: File): Promise<{ block: string; fault: null } | { block: null; fault: string }> {
  const name = visibleLine(file.name);
  const refused = (why: string) => ({ block: null, fault: `${name} ${why}` });
  if (file.size > MAX_TEXT_BYTES)
    return refused(`is larger than ${MAX_TEXT_BYTES / 1024} kB: put it into the repository, or say what matters of it.`);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    return text.includes("\0") ? refused(NO_TEXT) : { block: fenced(name, text), fault: null };
  } catch {
    return refused(NO_TEXT);
  }
}

const NO_TEXT = "is neither text nor a PNG, JPEG, GIF or WebP.";

/** The fence is longer than any within, and names no language: nothing that is dropped may become a block that is run. */
export function fenced(name: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${name}:\n${fence}\n${text}${text.endsWith("\n") ? "" : "\n"}${fence}\n`;
}
