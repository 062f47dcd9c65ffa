import type { ButtonHTMLAttributes } from "react";

type Kind = "plain" | "primary" | "danger" | "quiet";

const LOOK: Record<Kind, string> = {
  plain: "border border-line-strong bg-panel hover:bg-sunk",
  primary: "border border-accent bg-accent text-accent-ink hover:brightness-110",
  danger: "border border-line-strong bg-panel text-bad hover:bg-bad-soft",
  quiet: "text-ink-2 hover:bg-sunk hover:text-ink",
};

/** The look of a button, for links that are one. */
export function buttonLook(kind: Kind = "plain", small = false): string {
  const size = small ? "rounded-md px-2.5 py-1 text-[12.5px]" : "rounded-lg px-3 py-1.5";
  return `inline-flex items-center gap-2 font-[520] whitespace-nowrap disabled:opacity-60 ${size} ${LOOK[kind]}`;
}

/** `primary` is for the one step that comes next. */
export function Button({
  kind = "plain",
  small = false,
  className = "",
  ...rest
}: { kind?: Kind; small?: boolean } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return <button type="button" {...rest} className={`${buttonLook(kind, small)} ${className}`} />;
}
