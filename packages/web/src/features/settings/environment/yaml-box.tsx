import { useId } from "react";
import type { Fault } from "./recipe-text.ts";

/** The recipe as text. Lines are numbered, and those with faults marked. */
export function YamlBox({ text, faults, onChange }: { text: string; faults: readonly Fault[]; onChange: (text: string) => void }) {
  const id = useId();
  const lines = Math.max(24, text.split("\n").length);
  const faulty = new Set(faults.map(({ line }) => line));
  return (
    <div>
      <div className="flex rounded-[10px] border border-line bg-panel font-mono text-[12.5px] leading-[20px] focus-within:border-accent">
        <div aria-hidden="true" className="border-r border-line py-3 pr-2 pl-3 text-right text-ink-3 select-none">
          {Array.from({ length: lines }, (_, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its number
            <div key={at} className={faulty.has(at + 1) ? "font-bold text-bad" : ""}>
              {faulty.has(at + 1) ? "! " : ""}
              {at + 1}
            </div>
          ))}
        </div>
        <textarea
          aria-label="The recipe as YAML"
          aria-describedby={faults.length > 0 ? id : undefined}
          aria-invalid={faults.length > 0}
          wrap="off"
          spellCheck={false}
          rows={lines}
          value={text}
          onChange={(event) => onChange(event.target.value)}
          className="min-w-0 flex-1 resize-none overflow-x-auto overflow-y-hidden bg-transparent px-3 py-3 outline-none"
        />
      </div>
      {faults.length > 0 ? (
        <div id={id} role="alert" className="mt-2 rounded-lg bg-bad-soft px-3 py-2 text-[13px] break-words text-bad">
          <ul className="space-y-1">
            {faults.map(({ line, text: what }) => (
              <li key={`${line} ${what}`}>
                Line {line}: {what}
              </li>
            ))}
          </ul>
        </div>
      ) : null}
    </div>
  );
}
