/**
 * For tables with more columns than a phone has room for: there each row is a card, in which each value stands behind its column's name (`data-label`).
 * The row of headings is hidden.
 */
export const cards = {
  table: "w-full max-md:block",
  head: "max-md:hidden",
  body: "max-md:block max-md:space-y-2",
  row: "max-md:grid max-md:grid-cols-2 max-md:gap-x-4 max-md:gap-y-0.5 max-md:rounded-[10px] max-md:border max-md:border-line max-md:bg-panel max-md:px-3 max-md:py-2",
  title: "max-md:col-span-2 max-md:max-w-none max-md:border-0 max-md:px-0",
  cell: "max-md:flex max-md:min-w-0 max-md:justify-between max-md:gap-2 max-md:border-0 max-md:px-0 max-md:before:font-sans max-md:before:text-ink-3 max-md:before:whitespace-nowrap max-md:before:content-[attr(data-label)]",
} as const;
