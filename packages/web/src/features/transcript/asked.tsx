import type { ToolItem } from "@farhand/protocol";
import { visibleLine, visibleText } from "../../lib/visible-text.ts";
import { Message } from "./message.tsx";

/** A question to the user, and what was answered. While it is open it stands whole above the box that answers it, and here in a line. */
export function Asked({ item }: { item: ToolItem }) {
  const { input } = item;
  const asked = typeof input === "object" && input !== null && !Array.isArray(input) ? input.question : null;
  const question = typeof asked === "string" ? asked : "";
  if (item.state === "running")
    return (
      <p className="truncate rounded-[10px] bg-warn-soft px-3.5 py-2 text-warn">
        <span aria-hidden="true">? </span>asks: {visibleLine(question)}
      </p>
    );
  return (
    <div className="overflow-hidden rounded-[10px] border border-line">
      <p className="bg-warn-soft px-3.5 py-2 break-words whitespace-pre-wrap text-warn">
        <span aria-hidden="true">? </span>
        {visibleText(question)}
      </p>
      {item.result !== null ? (
        <div className="border-t border-line bg-sunk px-3.5 py-2.5">
          <Message text={item.result} />
        </div>
      ) : null}
    </div>
  );
}
