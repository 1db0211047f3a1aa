type Listener = () => void;

/** Carries out `run` soon. What is set meanwhile is told in the same call. */
export type Schedule = (run: () => void) => void;

/**
 * A value that tells when it has changed: the shape React's `useSyncExternalStore` asks for.
 *
 * Listeners are told once per turn of `schedule`, however often the value changed. With `requestAnimationFrame` a
 * flood of messages costs one rendering a frame, and none while the page is hidden.
 */
export class Observable<Value> {
  readonly #listeners = new Set<Listener>();
  readonly #schedule: Schedule;
  #value: Value;
  #scheduled = false;

  constructor(value: Value, schedule: Schedule = queueMicrotask) {
    this.#value = value;
    // Browsers refuse to run their own functions as methods of another object.
    this.#schedule = (run) => {
      schedule(run);
    };
  }

  readonly get = (): Value => this.#value;

  readonly subscribe = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };

  set(value: Value): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      for (const listener of this.#listeners) listener();
    });
  }
}
