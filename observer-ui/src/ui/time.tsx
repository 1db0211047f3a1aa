interface TimeProps {
  readonly iso: string;
  readonly format: keyof typeof FORMATS;
}

const FORMATS = {
  full: new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }),
  clock: new Intl.DateTimeFormat(undefined, { timeStyle: "short" }),
  day: new Intl.DateTimeFormat(undefined, { dateStyle: "full" }),
};

/** A moment in the visitor's own zone; `iso` as it came, should it be no time at all. */
export function Time({ iso, format }: TimeProps) {
  const date = new Date(iso);
  return <time dateTime={iso}>{Number.isNaN(date.getTime()) ? iso : FORMATS[format].format(date)}</time>;
}

/** The day of a moment in the visitor's zone, as something to compare. */
export function dayOf(iso: string): string {
  return new Date(iso).toDateString();
}
