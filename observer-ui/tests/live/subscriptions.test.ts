import { describe, expect, test } from "vitest";
import { CHANNEL, delivered, Driver, EPOCH, removal, sent, subscribed } from "./driver";

const SERVER = "srv_00000000000000000000000001";
const FROM = (seq: number) => ({
  op: "subscribe",
  channels: [{ id: CHANNEL, after: seq, epoch: EPOCH }],
  ref: `sub:${CHANNEL}`,
});
const RESET = { type: "reset", stream: CHANNEL };

describe("order", () => {
  test("events are handed on in order, those before `subscribed` too", () => {
    const driver = new Driver();
    driver.goLive();
    driver.followAt(40);
    const effects = [removal(41), removal(42), subscribed(42, "replayed"), removal(43)].flatMap((frame) =>
      driver.receive(frame),
    );
    expect(delivered(effects)).toEqual([41, 42, 43]);
    expect(effects).not.toContainEqual(RESET);
  });

  test("a repeated event is dropped", () => {
    const driver = Driver.joinedAt(40);
    const effects = [removal(41), removal(41), removal(40), removal(42)].flatMap((frame) => driver.receive(frame));
    expect(delivered(effects)).toEqual([41, 42]);
  });

  test("a gap is healed by asking once from the last good event", () => {
    const driver = Driver.joinedAt(40);
    expect(sent(driver.receive(removal(42)))).toEqual([FROM(40)]);
    expect(driver.receive(removal(43))).toEqual([]);
    const replay = [removal(41), removal(42), removal(43), subscribed(43, "replayed")].flatMap((frame) =>
      driver.receive(frame),
    );
    expect(delivered(replay)).toEqual([41, 42, 43]);
  });
});

describe("what is lost", () => {
  test("a reset asks for history, and the stream goes on from its seq", () => {
    const driver = Driver.joinedAt(40);
    driver.close(4201);
    driver.comeLive();
    expect(driver.receive(subscribed(90_000, "reset"))).toEqual([RESET]);
    expect(delivered(driver.receive(removal(90_001)))).toEqual([90_001]);
  });

  test("a confirmation that skips events is taken for a reset", () => {
    const driver = new Driver();
    driver.goLive();
    driver.followAt(40);
    expect(driver.receive(subscribed(42))).toEqual([RESET]);
  });
});

describe("coming and going", () => {
  test("a stream without a position is followed from its head", () => {
    const driver = new Driver();
    driver.goLive();
    const effects = driver.feed({ type: "follow", stream: SERVER, position: null });
    expect(sent(effects)).toEqual([{ op: "subscribe", channels: [SERVER], ref: `sub:${SERVER}` }]);
    expect(
      driver.receive({ op: "subscribed", server: SERVER, seq: 3, epoch: EPOCH, recovered: "nothing_missed" }),
    ).toEqual([]);
    expect(delivered(driver.receive({ op: "channel_created", server: SERVER, seq: 4 }))).toEqual([4]);
  });

  test("what is followed before the connection is asked for after hello", () => {
    const driver = new Driver();
    expect(driver.followAt(7)).toEqual([]);
    expect(sent(driver.goLive())).toContainEqual(FROM(7));
  });

  test("frames of the former life of a stream are not taken for those of the new one", () => {
    const driver = Driver.joinedAt(40);
    expect(sent(driver.feed({ type: "unfollow", stream: CHANNEL }))).toEqual([
      { op: "unsubscribe", channels: [CHANNEL], ref: `unsub:${CHANNEL}` },
    ]);
    driver.followAt(45);
    expect(driver.receive(removal(46))).toEqual([]);
    driver.receive({ op: "unsubscribed", channel: CHANNEL, reason: "asked", ref: `unsub:${CHANNEL}` });
    expect(delivered(driver.receive(removal(46)))).toEqual([46]);
  });

  test("an answer without its ref ends the former life too", () => {
    const driver = Driver.joinedAt(40);
    driver.feed({ type: "unfollow", stream: CHANNEL });
    driver.followAt(45);
    expect(driver.receive({ op: "unsubscribed", channel: CHANNEL, reason: "asked" })).toEqual([]);
    expect(delivered(driver.receive(removal(46)))).toEqual([46]);
  });

  test("a stream that ends says why and is not asked for again", () => {
    const driver = Driver.joinedAt(40);
    const effects = driver.receive({ op: "unsubscribed", channel: CHANNEL, reason: "deleted" });
    expect(effects).toEqual([{ type: "ended", stream: CHANNEL, reason: "deleted" }]);
    driver.close(4201);
    expect(sent(driver.comeLive()).filter(({ op }) => op === "subscribe")).toEqual([]);
  });

  test("a refusal ends the stream, even one that names it only by ref", () => {
    const driver = new Driver();
    driver.goLive();
    driver.followAt(40);
    const effects = driver.receive({ op: "error", code: "not_found", ref: `sub:${CHANNEL}` });
    expect(effects).toEqual([{ type: "ended", stream: CHANNEL, reason: "not_found" }]);
  });

  test("a refusal for now is asked again when its time has come", () => {
    const driver = new Driver();
    driver.goLive();
    driver.followAt(40);
    expect(driver.receive({ op: "error", code: "rate_limited", channel: CHANNEL, retry_after: 3.2 })).toEqual([]);
    expect(driver.after(3_199)).toEqual([]);
    expect(sent(driver.after(1))).toEqual([FROM(40)]);
  });

  test("presence and typing are handed on once the stream is joined", () => {
    const driver = Driver.joinedAt(40);
    const typing = { op: "typing", channel: CHANNEL, agent: "clawd" } as const;
    expect(driver.receive(typing)).toEqual([{ type: "event", stream: CHANNEL, frame: typing }]);
    driver.feed({ type: "unfollow", stream: CHANNEL });
    expect(driver.receive(typing)).toEqual([]);
  });
});
