import { createContext, useContext } from "react";
import { visibleText } from "../../lib/visible-text.ts";
import type { NamedFile } from "../diff/named-file.ts";

/** The files that can be gone to from what is said of them. */
export type Files = { find: (words: string) => NamedFile | null; open: (path: string, line: number | null) => void };

/** null = there is no diff to go to. */
export const FilesContext = createContext<Files | null>(null);

/** Code; where it names a file of the diff, the way there. */
export function CodeWords({ text }: { text: string }) {
  const files = useContext(FilesContext);
  const found = files?.find(text) ?? null;
  const code = <code className="rounded border border-line bg-sunk px-1 text-[0.92em]">{visibleText(text)}</code>;
  return files && found ? <ToFile file={found} files={files} code={code} /> : code;
}

/** Plain words; those that name a file of the diff lead there. */
export function Words({ text }: { text: string }) {
  const files = useContext(FilesContext);
  if (!files || !text.includes(".")) return <span>{visibleText(text)}</span>;
  return (
    <span>
      {text.split(BETWEEN_WORDS).map((word, at) => {
        const bare = word.replace(/[.:!?]{1,9}$/, "");
        const found = at % 2 === 0 && bare.includes(".") ? files.find(bare) : null;
        if (!found) return visibleText(word);
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: words have no other name and never move
          <span key={at}>
            <ToFile file={found} files={files} code={visibleText(bare)} />
            {word.slice(bare.length)}
          </span>
        );
      })}
    </span>
  );
}

const BETWEEN_WORDS = /([\s()[\]<>{}"'`,;]+)/;

function ToFile({ file, files, code }: { file: NamedFile; files: Files; code: React.ReactNode }) {
  return (
    <button
      type="button"
      title="Show it in the diff"
      onClick={() => files.open(file.path, file.line)}
      className="max-w-full text-left break-words text-accent underline underline-offset-2"
    >
      {code}
    </button>
  );
}
