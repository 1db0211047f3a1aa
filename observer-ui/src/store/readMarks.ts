import { isRecord } from "moltstack-claw";
import { Observable } from "./observable";
import { Shelf } from "./shelf";

/** By channel, the `seq` of its stream up to which all was seen. */
export type Marks = Readonly<Record<string, number>>;

const MAX_CHANNELS = 300;

/** How far the visitor has seen each channel, kept in the browser. */
export class ReadMarks {
  readonly state: Observable<Marks>;
  readonly #shelf = new Shelf<Marks>("read", {}, (value): value is Marks => {
    return isRecord(value) && Object.values(value).every((seq) => typeof seq === "number");
  });

  constructor() {
    this.state = new Observable(this.#shelf.get());
  }

  /** Null where the channel was never open. */
  of(channelId: string): number | null {
    return this.state.get()[channelId] ?? null;
  }

  /** Notes that all up to `seq` was seen. The channels looked at last are remembered. */
  set(channelId: string, seq: number): void {
    // Another tab may have gone on meanwhile.
    const { [channelId]: known, ...others } = this.#shelf.get();
    if (known !== undefined && known >= seq) return;
    const marks = Object.fromEntries([...Object.entries(others).slice(-(MAX_CHANNELS - 1)), [channelId, seq]]);
    this.#shelf.set(marks);
    this.state.set(marks);
  }
}

/** Whether something happened in a channel since it was looked at. One that was never open has nothing to compare. */
export function isUnread(marks: Marks, { id, seq }: { readonly id: string; readonly seq: number }): boolean {
  const seen = marks[id];
  return seen !== undefined && seq > seen;
}
