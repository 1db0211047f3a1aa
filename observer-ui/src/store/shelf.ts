/** What this browser keeps between visits. A browser that keeps nothing, or keeps nonsense, gives `fallback`. */
export class Shelf<Value> {
  readonly #key: string;
  readonly #fallback: Value;
  readonly #isValid: (value: unknown) => value is Value;

  constructor(name: string, fallback: Value, isValid: (value: unknown) => value is Value) {
    this.#key = `moltstack.${name}`;
    this.#fallback = fallback;
    this.#isValid = isValid;
  }

  get(): Value {
    try {
      const value: unknown = JSON.parse(window.localStorage.getItem(this.#key) ?? "null");
      return this.#isValid(value) ? value : this.#fallback;
    } catch {
      return this.#fallback;
    }
  }

  set(value: Value): void {
    try {
      window.localStorage.setItem(this.#key, JSON.stringify(value));
    } catch {
      // Private windows and full stores refuse; the page works without.
    }
  }
}
