import { MAX_IMAGES } from "@farhand/protocol";
import { useRef } from "react";
import { Button } from "./button.tsx";
import type { usePictures } from "./use-pictures.ts";

/** What is to go with the prompt, each to be taken out again, and the way to choose more. */
export function Pictures({ of }: { of: ReturnType<typeof usePictures> }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      {of.pictures.length > 0 ? (
        <ul aria-label="Pictures" className="mt-2 flex w-full flex-wrap gap-2">
          {of.pictures.map(({ name, url }, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two may be the same
            <li key={at} className="relative">
              <img src={url} alt={name} className="h-16 max-w-40 rounded-md border border-line object-contain" />
              <Button small className="absolute -top-1.5 -right-1.5" aria-label={`Remove ${name}`} onClick={() => of.remove(at)}>
                ×
              </Button>
            </li>
          ))}
        </ul>
      ) : null}
      <input
        ref={input}
        type="file"
        hidden
        multiple
        accept={of.takesText ? undefined : "image/png,image/jpeg,image/gif,image/webp"}
        onChange={(event) => {
          void of.add([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
      <Button
        small
        kind="quiet"
        title={of.takesText ? "A picture, or a small file of text; or paste or drop it into the box" : "Or paste or drop it into the box"}
        disabled={!of.takesText && of.pictures.length >= MAX_IMAGES}
        onClick={() => input.current?.click()}
      >
        <span>
          <span className="max-md:sr-only">{of.takesText ? "Add a file" : "Add a picture"}</span>
          <span aria-hidden="true" className="px-1 md:hidden">
            +
          </span>
        </span>
      </Button>
      {of.wrong ? (
        <span role="alert" className="order-last w-full text-[12.5px] text-bad">
          {of.wrong}
        </span>
      ) : null}
    </>
  );
}
