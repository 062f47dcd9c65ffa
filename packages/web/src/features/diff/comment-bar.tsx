import { useState } from "react";
import { visibleLine } from "../../lib/visible-text.ts";
import { Button } from "../../ui/button.tsx";

type Props = { noted: { path: string; line: number; code: string }; onAdd: (text: string) => void; onLeave: () => void };

/** Where a comment on a line is written; it is sent with the next message. */
export function CommentBar({ noted, onAdd, onLeave }: Props) {
  const [text, setText] = useState("");
  const add = () => {
    if (text.trim() !== "") onAdd(text.trim());
  };
  return (
    <form
      aria-label="Comment on a line"
      className="shrink-0 border-t border-line bg-sunk px-3.5 py-2.5 text-[13px]"
      onSubmit={(event) => {
        event.preventDefault();
        add();
      }}
    >
      <p className="mb-1 truncate font-mono text-[12px] text-ink-2">
        {visibleLine(noted.path)}:{noted.line} {visibleLine(noted.code)}
      </p>
      <textarea
        autoFocus
        aria-label={`Comment on line ${noted.line}`}
        value={text}
        rows={2}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onLeave();
          if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          add();
        }}
        className="w-full resize-none rounded-lg border border-line-strong bg-bg px-2 py-1"
      />
      <div className="mt-1.5 flex items-center gap-2">
        <span className="text-ink-3">Sent with your next message.</span>
        <span className="ml-auto" />
        <Button small onClick={onLeave}>
          Leave
        </Button>
        <Button small kind="primary" type="submit" disabled={text.trim() === ""}>
          Add comment
        </Button>
      </div>
    </form>
  );
}
