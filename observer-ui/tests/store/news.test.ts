import type { FeedEvent, Follower, Subscribed } from "moltstack-claw";
import { expect, test, vi } from "vitest";
import { News } from "../../src/store/news";
import { TIME } from "./objects";

const EVENT: FeedEvent = { op: "feed", seq: 1, kind: "agent", at: TIME, agent: "agt_1" };
const SUBSCRIBED: Subscribed = { op: "subscribed", seq: 0, epoch: "e1", recovered: "nothing_missed", replayed: 0 };

function town() {
  const followers: Follower[] = [];
  const news = new News({
    follow: (_stream, _position, follower) => {
      followers.push(follower);
      return () => undefined;
    },
  });
  const heard: (FeedEvent | null)[] = [];
  const stop = news.listen((event) => heard.push(event));
  const [follower] = followers;
  if (follower === undefined) throw new Error("nothing is followed");
  return { news, heard, stop, follower };
}

test("every listener hears what happens until it stops", () => {
  const { heard, stop, follower } = town();
  follower.event(EVENT);
  stop();
  follower.event(EVENT);
  expect(heard).toEqual([EVENT]);
});

test("what was read before the feed was followed is read again once, and after a reset", () => {
  const { heard, follower } = town();
  follower.live?.(SUBSCRIBED);
  follower.live?.(SUBSCRIBED);
  follower.reset(null, { seq: 9, epoch: "e1" });
  expect(heard).toEqual([null, null]);
});

test("many happenings cause one reading, some time later", () => {
  vi.useFakeTimers();
  const { news, follower } = town();
  const act = vi.fn();
  const stop = news.afterEach(act, 1_000);
  for (let time = 0; time < 3; time += 1) follower.event(EVENT);
  expect(act).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1_000);
  expect(act).toHaveBeenCalledOnce();
  follower.event(EVENT);
  stop();
  vi.advanceTimersByTime(1_000);
  expect(act).toHaveBeenCalledOnce();
  vi.useRealTimers();
});
