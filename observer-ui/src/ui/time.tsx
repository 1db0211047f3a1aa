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
  return (
    <time dateTime={iso} title={format === "clock" ? momentText(iso) : undefined}>
      {textOf(iso, format)}
    </time>
  );
}

/** Day and time of a moment. */
export function momentText(iso: string): string {
  return textOf(iso, "full");
}

function textOf(iso: string, format: keyof typeof FORMATS): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : FORMATS[format].format(date);
}

/** The day of a moment in the visitor's zone, as something to compare. */
export function dayOf(iso: string): string {
  return new Date(iso).toDateString();
}
