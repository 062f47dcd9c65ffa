import { visibleLine, visibleText } from "../../lib/visible-text.ts";

type Props = { description: { title: string; text: string } | null };

/** The message of the commit that publishing makes, on top of the change that it tells of. */
export function DescriptionBar({ description }: Props) {
  if (description === null) return null;
  return (
    <section
      aria-label="Commit message"
      tabIndex={0}
      className="max-h-44 shrink-0 overflow-y-auto border-b border-line px-3.5 py-2 text-[13px] leading-[1.45] -outline-offset-2"
    >
      <h2 className="font-[550] break-words">
        <bdi>{visibleLine(description.title)}</bdi>
      </h2>
      {description.text === "" ? null : (
        <p className="mt-1 max-w-[72ch] text-[12.5px] break-words whitespace-pre-wrap text-ink-2">{visibleText(description.text)}</p>
      )}
    </section>
  );
}
