import { useLayoutEffect, useState } from "react";
import type { Row } from "../store/timeline";

export interface Step {
  readonly rows: readonly Row[];
  /** The difference to the step before is at the start: what is seen keeps its distance from the end. */
  readonly shift: boolean;
  /** Another one has no row in common with the one before. */
  readonly generation: number;
}

/**
 * The rows, changed at one end at a time. The virtual list can keep what is read in its place while rows come and go
 * at the start, or at the end, but not at both at once.
 */
export function useStepwise(rows: readonly Row[]): Step {
  const [step, setStep] = useState<Step>({ rows, shift: false, generation: 0 });
  useLayoutEffect(() => {
    // eslint-disable-next-line react-hooks/set-state-in-effect -- the step between must reach the list before the next
    if (step.rows !== rows) setStep(stepTowards(step, rows));
  }, [step, rows]);
  return step;
}

export function stepTowards({ rows: from, generation }: Step, to: readonly Row[]): Step {
  const [firstFrom, firstTo, lastFrom, lastTo] = [from[0], to[0], from.at(-1), to.at(-1)].map((row) => row?.message);
  if (!firstFrom || !firstTo || !lastFrom || !lastTo || firstFrom.id === firstTo.id) {
    return { rows: to, shift: false, generation };
  }
  if (firstTo.seq > lastFrom.seq || lastTo.seq < firstFrom.seq) {
    return { rows: to, shift: false, generation: generation + 1 };
  }
  if (lastFrom.id === lastTo.id) return { rows: to, shift: true, generation };
  const kept = from.filter(({ message }) => message.seq < firstTo.seq);
  const added = to.filter(({ message }) => message.seq >= firstFrom.seq);
  return { rows: [...kept, ...added], shift: false, generation };
}
