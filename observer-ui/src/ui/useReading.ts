import { useCallback, useEffect, useState } from "react";
import { ApiError } from "../api/problem";

export interface Reading<Value> {
  /** What was read last; null while it is read for the first time, or if it could not be. */
  readonly value: Value | null;
  readonly problem: string | null;
  readonly again: () => void;
}

/** Reads when shown, and again when `read` changes (so keep it with useCallback) or when asked. */
export function useReading<Value>(read: (signal: AbortSignal) => Promise<Value>): Reading<Value> {
  const [state, setState] = useState<{ readonly of: unknown; readonly value: Value | null; readonly problem: string | null }>({
    of: read,
    value: null,
    problem: null,
  });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const giveUp = new AbortController();
    const { signal } = giveUp;
    read(signal).then(
      (value) => {
        if (!signal.aborted) setState({ of: read, value, problem: null });
      },
      (error: unknown) => {
        if (signal.aborted) return;
        setState({ of: read, value: null, problem: error instanceof ApiError ? error.code : "internal" });
      },
    );
    return () => {
      giveUp.abort();
    };
  }, [read, turn]);
  const again = useCallback(() => {
    setTurn((before) => before + 1);
  }, []);
  // What was read for another address is not shown under this one.
  return state.of === read ? { ...state, again } : { value: null, problem: null, again };
}
