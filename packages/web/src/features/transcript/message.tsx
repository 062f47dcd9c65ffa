import { memo } from "react";
import { visibleText } from "../../lib/visible-text.ts";
import { OutsideLink } from "../../ui/outside-link.tsx";
import { CodeWords, Words } from "./file-link.tsx";
import { type Block, type Inline, parseMarkdown } from "./markdown.ts";

/** What somebody wrote, as text: Markdown for its looks, never HTML. */
export const Message = memo(function Message({ text }: { text: string }) {
  return (
    <div className="max-w-[66ch] space-y-2 break-words">
      {parseMarkdown(text).map((block, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the blocks of a text have no other name and never move
        <BlockView key={at} block={block} />
      ))}
    </div>
  );
});

function BlockView({ block }: { block: Block }) {
  switch (block.kind) {
    case "paragraph":
      return (
        <p className="whitespace-pre-line">
          <InlineView parts={block.inline} />
        </p>
      );
    case "heading":
      return (
        <p className="font-semibold">
          <InlineView parts={block.inline} />
        </p>
      );
    case "quote":
      return (
        <p className="border-l-2 border-line-strong pl-3 text-ink-2">
          <InlineView parts={block.inline} />
        </p>
      );
    case "code":
      return (
        <pre className="rounded-lg wrap-anywhere whitespace-pre-wrap border border-line bg-sunk px-3 py-2 text-[12px] leading-[1.55]">
          {visibleText(block.text)}
        </pre>
      );
    case "list": {
      const items = block.items.map((parts, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: as above
        <li key={at}>
          <InlineView parts={parts} />
        </li>
      ));
      return block.ordered ? (
        <ol start={block.start} className="list-decimal space-y-0.5 pl-6">
          {items}
        </ol>
      ) : (
        <ul className="list-disc space-y-0.5 pl-6">{items}</ul>
      );
    }
    case "table":
      return (
        <div className="overflow-x-auto" role="region" aria-label="Table" tabIndex={0}>
          <table className="border-collapse text-[0.95em]">
            <thead>
              <tr>
                {block.head.map((parts, at) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: as above
                  <th key={at} className="border border-line bg-sunk px-2 py-1 text-left font-semibold">
                    <InlineView parts={parts} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {block.rows.map((row, at) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: as above
                <tr key={at}>
                  {row.map((parts, column) => (
                    // biome-ignore lint/suspicious/noArrayIndexKey: as above
                    <td key={column} className="border border-line px-2 py-1 align-top">
                      <InlineView parts={parts} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    default:
      return block satisfies never;
  }
}

function InlineView({ parts }: { parts: Inline[] }) {
  return parts.map((part, at) => {
    const key = `${at}`;
    const text = visibleText(part.text);
    if (part.kind === "code") return <CodeWords key={key} text={part.text} />;
    if (part.kind === "strong") return <strong key={key}>{text}</strong>;
    if (part.kind === "emphasis") return <em key={key}>{text}</em>;
    if (part.kind === "link")
      return (
        <OutsideLink key={key} to={part.to}>
          {text}
        </OutsideLink>
      );
    return <Words key={key} text={part.text} />;
  });
}
