import { describe, expect, test } from "vitest";
import { FEED } from "../src/events.js";
import { CHANNEL, delivered, Driver, EPOCH, removal, sent, subscribed } from "./driver.js";

const SERVER = "srv_00000000000000000000000001";
const RESET = { type: "reset", stream: CHANNEL };

describe("order", () => {
  test("events are handed on in order, those before `subscribed` too", () => {
    const driver = Driver.live();
    driver.follow(CHANNEL, 40);
    const effects = [removal(41), removal(42), subscribed(42, "replayed"), removal(43)].flatMap((frame) =>
      driver.receive(frame),
    );
    expect(delivered(effects)).toEqual([41, 42, 43]);
    expect(effects).not.toContainEqual(expect.objectContaining(RESET));
  });

  test("a repeated event is dropped", () => {
    const driver = Driver.joinedAt(40);
    const effects = [removal(41), removal(41), removal(40), removal(42)].flatMap((frame) => driver.receive(frame));
    expect(delivered(effects)).toEqual([41, 42]);
  });

  test("an event of a later version is handed on once, and so is what follows it", () => {
    const driver = Driver.joinedAt(40);
    const novel = { op: "sparkle", channel: CHANNEL, seq: 41 };
    const other = { type: "other", frame: { op: "(unknown)", named: "sparkle", data: novel } };
    expect(driver.receive(novel)).toEqual([other]);
    driver.close(4201);
    driver.goLive();
    expect(driver.receive(novel)).toEqual([]);
    expect(delivered(driver.receive(removal(42)))).toEqual([42]);
  });

  test("events of a server belong to its stream, though they name channels and members", () => {
    const driver = Driver.live();
    driver.follow(SERVER, 3);
    driver.receive({ op: "subscribed", server: SERVER, seq: 3, epoch: EPOCH, recovered: "nothing_missed", replayed: 0 });
    const effects = driver.receive({ op: "channel_deleted", server: SERVER, seq: 4, channel: CHANNEL });
    expect(effects).toMatchObject([{ type: "event", stream: SERVER }]);
  });

  test("the feed is a stream by its name, though its events name channels and servers", () => {
    const driver = Driver.live();
    expect(sent(driver.follow(FEED, 3))).toMatchObject([{ channels: [{ id: FEED, after: 3, epoch: EPOCH }] }]);
    driver.receive({ op: "subscribed", feed: true, seq: 3, epoch: EPOCH, recovered: "nothing_missed", replayed: 0 });
    const event = { op: "feed", seq: 4, kind: "message", at: "", agent: "ada", channel: CHANNEL, message: "m" } as const;
    expect(driver.receive(event)).toEqual([{ type: "event", stream: FEED, frame: event }]);
  });
});

describe("what is lost", () => {
  test("a reset says between which places, and the stream goes on from its seq", () => {
    const driver = Driver.joinedAt(40);
    driver.close(4201);
    driver.goLive();
    expect(driver.receive(subscribed(90_000, "reset"))).toContainEqual({
      ...RESET,
      lostAfter: { seq: 40, epoch: EPOCH },
      resumedAt: { seq: 90_000, epoch: EPOCH },
    });
    expect(delivered(driver.receive(removal(90_001)))).toEqual([90_001]);
  });
});

describe("coming and going", () => {
  test("a stream without a position is followed from its head", () => {
    const driver = Driver.live();
    expect(sent(driver.follow(SERVER, null))).toMatchObject([{ op: "subscribe", channels: [SERVER] }]);
  });

  test("what is followed before the connection is asked for after hello, a hundred streams a frame", () => {
    const driver = new Driver();
    const many = Array.from({ length: 101 }, (_, number) => [`ch_${number}`, null] as const);
    expect(driver.session.follow(many, driver.now)).toEqual([]);
    const frames = sent(driver.goLive());
    expect(frames.map((frame) => frame.op === "subscribe" && frame.channels?.length)).toEqual([100, 1]);
  });

  test("frames of the former life of a stream are not taken for those of the new one", () => {
    const driver = Driver.joinedAt(40);
    expect(sent(driver.session.unfollow(CHANNEL))).toEqual([{ op: "unsubscribe", channels: [CHANNEL] }]);
    expect(driver.follow(CHANNEL, 45)).toEqual([]);
    expect(driver.receive(removal(46))).toEqual([]);
    const asked = driver.receive({ op: "unsubscribed", channel: CHANNEL, reason: "asked" });
    expect(sent(asked)).toMatchObject([{ channels: [{ id: CHANNEL, after: 45, epoch: EPOCH }] }]);
    expect(delivered(driver.receive(removal(46)))).toEqual([46]);
  });

  test("who follows what is followed begins anew from the place named", () => {
    const driver = Driver.joinedAt(40);
    expect(sent(driver.follow(CHANNEL, 12))).toEqual([{ op: "unsubscribe", channels: [CHANNEL] }]);
    const asked = driver.receive({ op: "unsubscribed", channel: CHANNEL, reason: "asked" });
    expect(sent(asked)).toMatchObject([{ channels: [{ id: CHANNEL, after: 12 }] }]);
  });

  test("a stream that ends says why and is not asked for again", () => {
    const driver = Driver.joinedAt(40);
    const effects = driver.receive({ op: "unsubscribed", channel: CHANNEL, reason: "deleted" });
    expect(effects).toEqual([{ type: "ended", stream: CHANNEL, reason: "deleted" }]);
    driver.close(4201);
    expect(sent(driver.goLive())).toEqual([]);
  });

  test("a refusal ends the stream, even one that names it only by ref", () => {
    const driver = Driver.live();
    const [asked] = sent(driver.follow(CHANNEL, 40));
    const refusal = { op: "error", code: "not_found", message: "", ref: asked?.ref ?? "" } as const;
    expect(driver.receive(refusal)).toEqual([{ type: "ended", stream: CHANNEL, reason: "not_found" }]);
  });

  test("a refusal for now is asked again when its time has come", () => {
    const driver = Driver.live();
    const [asked] = sent(driver.follow(CHANNEL, 40));
    const ref = asked?.ref ?? "";
    expect(driver.receive({ op: "error", code: "rate_limited", message: "", retry_after: 3.2, ref })).toEqual([]);
    expect(driver.after(3_199)).toEqual([]);
    expect(sent(driver.after(1))).toMatchObject([{ channels: [{ id: CHANNEL, after: 40, epoch: EPOCH }] }]);
  });

  test("presence, typing and instructions are handed on once the stream is joined", () => {
    const driver = Driver.joinedAt(40);
    const typing = { op: "typing", channel: CHANNEL, agent: "clawd" } as const;
    const context = { op: "context", platform: "", channel: "Be kind.", channel_id: CHANNEL } as const;
    expect(driver.receive(typing)).toEqual([{ type: "event", stream: CHANNEL, frame: typing }]);
    expect(driver.receive(context)).toEqual([{ type: "event", stream: CHANNEL, frame: context }]);
    driver.session.unfollow(CHANNEL);
    expect(driver.receive(typing)).toEqual([]);
  });
});
