import type { ToolItem } from "@farhand/protocol";
import { visibleText } from "../../lib/visible-text.ts";
import { Message } from "./message.tsx";

/** A question to the user, and what was answered. */
export function Asked({ item }: { item: ToolItem }) {
  const { input } = item;
  const question = typeof input === "object" && input !== null && !Array.isArray(input) ? input.question : null;
  return (
    <div className="overflow-hidden rounded-[10px] border border-line">
      <p className="bg-warn-soft px-3.5 py-2 break-words whitespace-pre-wrap text-warn">
        <span aria-hidden="true">? </span>
        {visibleText(typeof question === "string" ? question : "")}
      </p>
      {item.result !== null ? (
        <div className="border-t border-line bg-sunk px-3.5 py-2.5">
          <Message text={item.result} />
        </div>
      ) : null}
    </div>
  );
}
