import { isRecord } from "moltstack-claw";
import { Shelf } from "./shelf";

type Marks = Readonly<Record<string, number>>;

const MAX_CHANNELS = 300;
const shelf = new Shelf<Marks>("read", {}, (value): value is Marks => {
  return isRecord(value) && Object.values(value).every((seq) => typeof seq === "number");
});

/** The `seq` up to which a channel was seen on an earlier visit; null where it was never open. */
export function readMark(channelId: string): number | null {
  return shelf.get()[channelId] ?? null;
}

/** Notes that all up to `seq` was seen. The channels looked at last are remembered. */
export function setReadMark(channelId: string, seq: number): void {
  const { [channelId]: known, ...others } = shelf.get();
  if (known !== undefined && known >= seq) return;
  shelf.set(Object.fromEntries([...Object.entries(others).slice(-(MAX_CHANNELS - 1)), [channelId, seq]]));
}
