import { useRef } from "react";
import { Button } from "./button.tsx";
import type { useFiles } from "./use-files.ts";

/** The pictures that are to go with the prompt, each to be taken out again, and the way to choose more files; `isShort`: by a sign alone on a phone. */
export function Files({ of, isShort = false }: { of: ReturnType<typeof useFiles>; isShort?: boolean }) {
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
        onChange={(event) => {
          void of.add([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
      <Button
        small
        kind="quiet"
        title="A picture, or a small file of text; or paste or drop it into the box"
        onClick={() => input.current?.click()}
      >
        <span className={isShort ? "max-md:sr-only" : ""}>Add a file</span>
        {isShort ? (
          <span aria-hidden="true" className="px-1 md:hidden">
            +
          </span>
        ) : null}
      </Button>
      {of.wrong ? (
        <span role="alert" className="order-last w-full text-[12.5px] text-bad">
          {of.wrong}
        </span>
      ) : null}
    </>
  );
}
