import type { Feed, FeedItem } from "moltstack-claw";
import { expect, test } from "vitest";
import { NewsFeed } from "../../src/store/newsFeed";
import { author } from "./objects";

const AGENT = author("clawd");

function item(seq: number): FeedItem {
  return { seq, kind: "agent", at: "2026-01-02T03:04:05.678Z", agent: AGENT, server: null, channel: null, message: null };
}

/** A feed of so many items in pages of three, and a way to say that something happened. */
function town() {
  const place = { head: 0, epoch: "e1", happened: (): void => undefined };
  const feed = new NewsFeed(
    {
      feed: ({ before, after }): Promise<Feed> => {
        const all = Array.from({ length: place.head }, (_, index) => item(index + 1));
        const wanted =
          after === undefined
            ? all.filter(({ seq }) => before === undefined || seq < before).toReversed()
            : all.filter(({ seq }) => seq > after);
        const items = wanted.slice(0, 3);
        const next = wanted.length > 3 ? (items.at(-1)?.seq ?? null) : null;
        return Promise.resolve({ items, next, seq: place.head, epoch: place.epoch });
      },
    },
    {
      afterEach: (act) => {
        place.happened = act;
        return () => undefined;
      },
    },
  );
  const seqs = () => feed.state.get().items?.map(({ seq }) => seq);
  const settle = () => new Promise((resolve) => setTimeout(resolve, 0));
  return { place, feed, seqs, settle };
}

test("the newest come first, older ones when asked for", async () => {
  const { place, feed, seqs } = town();
  place.head = 5;
  await feed.read();
  expect(seqs()).toEqual([5, 4, 3]);
  await feed.readOlder();
  expect(seqs()).toEqual([5, 4, 3, 2, 1]);
  expect(feed.state.get().next).toBeNull();
});

test("what happens is put on top, and what is known stays", async () => {
  const { place, feed, seqs, settle } = town();
  place.head = 5;
  feed.open();
  await settle();
  place.head = 7;
  place.happened();
  await settle();
  expect(seqs()).toEqual([7, 6, 5, 4, 3]);
  expect(feed.state.get().next).toBe(3);
});

test("more than a page of news, or a log that began anew, is read from its top", async () => {
  const { place, feed, seqs, settle } = town();
  place.head = 2;
  feed.open();
  await settle();
  place.head = 20;
  place.happened();
  await settle();
  expect(seqs()).toEqual([20, 19, 18]);
  Object.assign(place, { head: 4, epoch: "e2" });
  place.happened();
  await settle();
  expect(seqs()).toEqual([4, 3, 2]);
});
