import { useEffect, useState } from "react";

/**
 * False for the two frames in which the virtual list guesses, measures, and puts its items where they belong. Shown
 * then, they would jump.
 */
export function useMeasured(): boolean {
  const [measured, setMeasured] = useState(false);
  useEffect(() => {
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => {
        setMeasured(true);
      });
    });
    return () => {
      cancelAnimationFrame(frame);
    };
  }, []);
  return measured;
}
