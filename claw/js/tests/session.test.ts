import { describe, expect, test } from "vitest";
import { adviceFor } from "../src/close.js";
import { INBOX } from "../src/events.js";
import { assertComesBack, assertStops, CHANNEL, Driver, EPOCH, HEARTBEAT_MS, sent } from "./driver.js";

describe("the way in", () => {
  test("the token goes as the first frame where the handshake did not carry it", () => {
    const driver = new Driver();
    expect(sent(driver.session.connected(0, "t1"))).toEqual([{ op: "auth", token: "t1" }]);
  });

  test("what the handshake carried is not sent again", () => {
    const driver = new Driver();
    expect(driver.session.connected(0, null)).toEqual([]);
  });

  test("a server that does not answer, or says no hello, is given up", () => {
    const driver = new Driver();
    driver.session.dialling(driver.now);
    expect(driver.session.deadline).toBe(driver.now + 10_000);
    driver.now += 9_000;
    driver.session.connected(driver.now, null);
    expect(driver.after(9_999)).toEqual([]);
    expect(driver.after(1)).toEqual([{ type: "close" }]);
    assertComesBack(driver.close(null), 1_000);
  });

  test("the inbox begins where it was told to", () => {
    const inboxOf = (driver: Driver) => sent(driver.goLive()).find(({ op }) => op === "subscribe");
    expect(inboxOf(new Driver("new"))).toMatchObject({ inbox: { after: 7, epoch: EPOCH } });
    expect(inboxOf(new Driver("unacknowledged"))).toMatchObject({ inbox: { after: 5, epoch: EPOCH } });
    expect(inboxOf(new Driver({ seq: 2, epoch: "e0" }))).toMatchObject({ inbox: { after: 2, epoch: "e0" } });
    expect(inboxOf(new Driver())).toBeUndefined();
  });

  test("an inbox goes on where it was, whatever its start", () => {
    const driver = new Driver("new");
    driver.goLive();
    driver.receive({ op: "subscribed", inbox: true, seq: 7, epoch: EPOCH, recovered: "nothing_missed", replayed: 0 });
    driver.receive({ op: "notice", seq: 8, kind: "joined" });
    expect(driver.session.position(INBOX)).toEqual({ seq: 8, epoch: EPOCH });
    driver.close(null);
    expect(sent(driver.goLive())).toMatchObject([{ op: "subscribe", inbox: { after: 8 } }]);
  });
});

describe("close codes", () => {
  test.each([4000, 4003, 4004, 4005, 4099, 1002, 1003, 1007, 1008, 1009])("%i stops for good", (code) => {
    const driver = Driver.live();
    assertStops(driver.close(code), code);
    expect(driver.session.deadline).toBeNull();
  });

  test.each([4100, 4101, 4102, 4103, 4199, 1000, 1001, 1006, 1011, 1012, 4300])("%i comes back after a wait", (code) => {
    assertComesBack(Driver.live().close(code), 1_000);
  });

  test("a connection that did not come about waits as long as was asked for", () => {
    const effects = new Driver().close(null, 7_000);
    assertComesBack(effects, 7_000);
    expect(effects.at(-1)).toMatchObject({ asked: true });
  });

  test("4201 comes back at once with the same token, 4200 with another", () => {
    assertComesBack(Driver.live().close(4201), 0);
    assertComesBack(Driver.live().close(4200), 0, "renew");
  });

  test("4001 logs in anew, once", () => {
    const driver = Driver.live();
    assertComesBack(driver.close(4001), 1_000, "anew");
    assertStops(driver.close(4001), 4001);
  });

  test("at once is granted once to a server that closes again and again", () => {
    const driver = Driver.live();
    driver.close(4201);
    driver.goLive();
    assertComesBack(driver.close(4201), 2_000);
  });

  test("after the end it can begin anew, with the streams where they were", () => {
    const driver = Driver.joinedAt(41);
    driver.close(4003);
    expect(() => driver.session.call({ op: "ack", seq: 1 }, true)).toThrow("4003");
    driver.session.restart();
    expect(sent(driver.goLive())).toMatchObject([{ channels: [{ id: CHANNEL, after: 41, epoch: EPOCH }] }]);
  });

  test("an unknown code is read by its range", () => {
    expect([4042, 4142, 4242, 3000, null].map(adviceFor)).toEqual([
      "stop",
      "retry_with_backoff",
      "retry_at_once",
      "retry_with_backoff",
      "retry_with_backoff",
    ]);
  });
});

describe("coming back", () => {
  test("the bound of the wait doubles with each failure, up to a minute", () => {
    const driver = Driver.live();
    for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) assertComesBack(driver.close(null), seconds * 1_000);
  });

  test("a connection that held makes the next loss the first one", () => {
    const driver = Driver.live();
    driver.close(null);
    driver.goLive();
    driver.now += 10_000;
    assertComesBack(driver.close(null), 1_000);
  });

  test("reconnect names the wait", () => {
    const driver = Driver.live();
    expect(driver.receive({ op: "reconnect", reason: "drain", after_ms: 1_234 })).toEqual([]);
    assertComesBack(driver.close(4100), 1_234);
  });

  test("what was followed is asked for again from where it was", () => {
    const driver = Driver.joinedAt(41);
    driver.close(4201);
    expect(sent(driver.goLive())).toMatchObject([
      { op: "subscribe", channels: [{ id: CHANNEL, after: 41, epoch: EPOCH }] },
    ]);
  });
});

describe("the heartbeat", () => {
  test("silence is answered by a ping, and more silence by a new connection", () => {
    const driver = Driver.live();
    expect(sent(driver.after(HEARTBEAT_MS))).toEqual([{ op: "ping" }]);
    expect(driver.after(10_000)).toEqual([{ type: "close" }]);
  });

  test("any frame is a sign of life", () => {
    const driver = Driver.live();
    driver.after(HEARTBEAT_MS);
    driver.now += 9_000;
    driver.receive({ op: "sparkle" });
    expect(driver.session.deadline).toBe(driver.now + HEARTBEAT_MS);
  });

  test("a nudge asks at once whether the line is alive", () => {
    const driver = Driver.live();
    expect(sent(driver.session.nudge(driver.now))).toEqual([{ op: "ping" }]);
    expect(driver.session.nudge(driver.now)).toEqual([]);
  });
});

describe("calls", () => {
  const post = { op: "message", channel: CHANNEL, content: "hello", nonce: "n1" } as const;

  test("one that was begun without a connection is sent after hello, behind the subscriptions", () => {
    const driver = new Driver();
    driver.follow(CHANNEL, 4);
    expect(driver.session.call(post, true).effects).toEqual([]);
    expect(sent(driver.goLive()).map(({ op }) => op)).toEqual(["subscribe", "message"]);
  });

  test("a kept one is sent again until it is answered, with the same nonce", () => {
    const driver = Driver.live();
    const { ref, effects } = driver.session.call(post, true);
    const first = sent(effects);
    driver.close(null);
    expect(sent(driver.goLive())).toEqual(first);
    const ack = { op: "message_ack", id: "msg_1", channel: CHANNEL, seq: 1, timestamp: "", nonce: "n1", ref } as const;
    expect(driver.receive(ack)).toEqual([{ type: "call_settled", ref, outcome: ack }]);
    driver.close(null);
    expect(sent(driver.goLive())).toEqual([]);
  });

  test("an ack that names the nonce alone is enough", () => {
    const driver = Driver.live();
    const { ref } = driver.session.call(post, true);
    const ack = { op: "message_ack", id: "msg_1", channel: CHANNEL, seq: 1, timestamp: "", nonce: "n1" } as const;
    expect(driver.receive(ack)).toMatchObject([{ type: "call_settled", ref }]);
  });

  test("one that is not kept ends with the connection", () => {
    const driver = Driver.live();
    const { ref } = driver.session.call({ op: "presence", status: "dnd" }, false);
    expect(driver.close(null)[0]).toMatchObject({ type: "call_settled", ref, outcome: { name: "TransportError" } });
  });

  test("a passing refusal of what may have been stored before leaves the question open", () => {
    const driver = Driver.live();
    const { ref } = driver.session.call(post, true);
    driver.close(null);
    driver.goLive();
    expect(driver.receive({ op: "error", code: "rate_limited", message: "", retry_after: 2, ref })).toEqual([]);
    expect(driver.after(1_999)).toEqual([]);
    expect(sent(driver.after(1))).toMatchObject([post]);
    expect(driver.receive({ op: "error", code: "forbidden", message: "", ref })).toMatchObject([
      { type: "call_settled", ref, outcome: { code: "forbidden" } },
    ]);
  });

  test("all end with the client", () => {
    const driver = Driver.live();
    const { ref } = driver.session.call(post, true);
    expect(driver.session.stop()[0]).toMatchObject({ type: "call_settled", ref });
    expect(driver.close(1000)).toEqual([]);
  });

  test("a frame that the server would close for is refused before it is sent", () => {
    const driver = Driver.live();
    expect(() => driver.session.call({ ...post, content: "ä".repeat(40_000) }, true)).toThrow("too_large");
  });
});

describe("the token", () => {
  test("is renewed on the open socket", () => {
    const driver = Driver.live();
    expect(driver.receive({ op: "token_expiring", in_s: 60 })).toEqual([{ type: "renew_token" }]);
    expect(sent(driver.session.renew("t2").effects)).toMatchObject([{ op: "auth", token: "t2" }]);
  });

  test("is shown to nobody without a session", () => {
    expect(new Driver().session.renew("t2")).toEqual({ ref: null, effects: [] });
  });
});
