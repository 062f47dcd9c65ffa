import { memo } from "react";

/** The pictures that came with the prompt of a turn; each opens by itself. */
export const PromptImages = memo(function PromptImages({ task, turn, images }: { task: string; turn: number; images: number }) {
  if (images === 0) return null;
  return (
    <ul aria-label="Pictures of the prompt" className="mt-2 flex flex-wrap gap-2">
      {Array.from({ length: images }, (_, at) => {
        const address = `/api/v1/tasks/${encodeURIComponent(task)}/turns/${turn}/images/${at + 1}`;
        return (
          <li key={address}>
            <a href={address} target="_blank" rel="noreferrer">
              <img
                src={address}
                alt={`${at + 1} of ${images}`}
                className="h-32 max-w-60 rounded-md border border-line bg-panel object-contain"
              />
            </a>
          </li>
        );
      })}
    </ul>
  );
});
