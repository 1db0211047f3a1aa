import { useEffect } from "react";
import { Observable } from "../store/observable";
import { momentText } from "./time";
import { useObservable } from "./useObservable";

const now = new Observable(Date.now());
const TICK_MS = 20_000;
let shown = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** One clock for all that is shown, which stands while nothing is. */
function useClock(): number {
  useEffect(() => {
    shown += 1;
    timer ??= setInterval(() => {
      now.set(Date.now());
    }, TICK_MS);
    return () => {
      shown -= 1;
      if (shown > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  }, []);
  return useObservable(now);
}

/** How long ago a moment was, or how far ahead it is; the moment itself for who points at it. */
export function Ago({ iso }: { readonly iso: string }) {
  const clock = useClock();
  const at = Date.parse(iso);
  return (
    <time dateTime={iso} title={momentText(iso)}>
      {Number.isNaN(at) ? iso : agoText(at, clock)}
    </time>
  );
}

const WORDS = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const MAX_DAYS = 30;

/** `at` and `clock` are in milliseconds. What is further than a month away is a date. */
export function agoText(at: number, clock: number): string {
  const ahead = at - clock;
  if (Math.abs(ahead) > MAX_DAYS * 86_400_000) return DATE.format(at);
  for (const [unit, ms] of UNITS) {
    if (Math.abs(ahead) >= ms) return WORDS.format(Math.trunc(ahead / ms), unit);
  }
  return "now";
}
