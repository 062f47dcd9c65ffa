import { useState } from "react";
import { Button } from "./button.tsx";

/** Copies what `text` gives, and says so for two seconds. */
export function CopyButton({ text, children, small = false }: { text: () => string | Promise<string>; children: string; small?: boolean }) {
  const [said, setSaid] = useState<"" | "Copied" | "Could not copy">("");
  const copy = async () => {
    try {
      await putInClipboard(await text());
      setSaid("Copied");
    } catch {
      setSaid("Could not copy");
    }
    setTimeout(() => setSaid(""), 2_000);
  };
  return (
    <Button small={small} onClick={() => void copy()}>
      <span aria-live="polite">{said || children}</span>
    </Button>
  );
}

/** The clipboard of the browser is there on https and localhost only; elsewhere a text box does it. */
async function putInClipboard(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const box = document.createElement("textarea");
  box.value = text;
  document.body.append(box);
  box.select();
  const copied = document.execCommand("copy");
  box.remove();
  if (!copied) throw new Error("the browser does not copy here");
}
