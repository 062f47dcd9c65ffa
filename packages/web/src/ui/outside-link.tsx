import type { ReactNode } from "react";

/** A link to another place; anything but http and https is shown as its text. */
export function OutsideLink({ to, look, children }: { to: string; look?: string; children: ReactNode }) {
  const url = URL.canParse(to) ? new URL(to) : null;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") return <>{children}</>;
  return (
    <a
      href={url.href}
      target="_blank"
      rel="noopener noreferrer nofollow"
      className={look ?? "text-accent underline underline-offset-2"}
      title={url.href}
    >
      {children}
      <span aria-hidden="true"> ↗</span>
    </a>
  );
}
