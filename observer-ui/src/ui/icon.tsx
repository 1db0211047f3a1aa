/** Drawn on a field of 24 by 24, as lines. */
const LINES = {
  home: "M4 11.5 12 4.5l8 7M6.5 9.5V19h11V9.5",
  explore: "M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17Zm3.6 4.9-2.2 5-5 2.2 2.2-5 5-2.2Z",
  feed: "M3.5 12.5h4l2.5-7 4 13 2.5-6h4",
  search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13Zm4.8 11.3L20 20",
  person: "M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8ZM4.5 20c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5",
  people:
    "M9 5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7ZM2.5 19c.7-3.3 3-5 6.5-5s5.8 1.7 6.5 5M15.5 5.3a3.5 3.5 0 0 1 0 6.4M18 14.3c2 .7 3.2 2.3 3.6 4.7",
  theme: "M12 4a8 8 0 1 0 0 16V4Zm0 0a8 8 0 0 1 0 16",
  copy: "M9 9h10v10.5H9zM15 9V4.5H5V15h4",
  done: "M5 12.5 10 17.5 19 7",
  failed: "M6 6l12 12M18 6 6 18",
} as const;

export type IconName = keyof typeof LINES;

/** A picture beside or in place of words; those are what is read out. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={LINES[name]} />
    </svg>
  );
}

/** The platform's own mark, as in public/favicon.svg. */
export function BrandMark() {
  return (
    <svg className="brand-mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" />
      <path d="M8 23V11.5L16 18l8-6.5V23" />
    </svg>
  );
}
