import { describe, expect, test } from "vitest";
import { assertComingBackAfter, assertStopped, CHANNEL, Driver, EPOCH, HEARTBEAT_MS, sent } from "./driver";

function live(): Driver {
  const driver = new Driver();
  driver.goLive();
  return driver;
}

describe("the way in", () => {
  test("a start fetches a token, opens, and signs in by the first frame", () => {
    const driver = new Driver();
    expect(driver.feed({ type: "start" })).toEqual([
      { type: "status", status: { state: "connecting" } },
      { type: "fetch_token", refused: null },
    ]);
    expect(driver.feed({ type: "token", token: "t1" })).toEqual([{ type: "open" }]);
    expect(sent(driver.feed({ type: "opened" }))).toEqual([{ op: "auth", token: "t1" }]);
    expect(driver.receive({ op: "hello", heartbeat_ms: 1 })).toEqual([{ type: "status", status: { state: "live" } }]);
  });

  test("a second start changes nothing", () => {
    const driver = live();
    expect(driver.feed({ type: "start" })).toEqual([]);
  });

  test("a server that does not say hello is given up", () => {
    const driver = new Driver();
    driver.feed({ type: "start" });
    driver.feed({ type: "token", token: "t1" });
    driver.feed({ type: "opened" });
    expect(driver.after(14_999)).toEqual([]);
    expect(driver.after(1)).toContainEqual({ type: "close" });
    assertComingBackAfter(driver, 1_000);
  });

  test("without a token it is tried again, not before the time that was asked for", () => {
    const driver = new Driver();
    driver.feed({ type: "start" });
    driver.feed({ type: "token_failed", retryAfterMs: 7_000 });
    expect(driver.feed({ type: "start" })).toEqual([]);
    assertComingBackAfter(driver, 7_000);
  });

  test("stop closes, and a late close report is not a loss", () => {
    const driver = live();
    expect(driver.feed({ type: "stop" })).toEqual([{ type: "close" }]);
    expect(driver.close(1006)).toEqual([]);
    expect(driver.session.wakeAt).toBeNull();
  });
});

describe("close codes", () => {
  test.each([4000, 4003, 4004, 4005, 4099, 1002, 1003, 1007, 1008, 1009])("%i stops for good", (code) => {
    const driver = live();
    assertStopped(driver, driver.close(code), code);
  });

  test.each([4100, 4101, 4102, 4103, 4199, 1000, 1001, 1006, 1011, 1012, 4300])(
    "%i comes back after a wait",
    (code) => {
      const driver = live();
      expect(driver.close(code)).toEqual([{ type: "status", status: { state: "lost", final: false, code } }]);
      assertComingBackAfter(driver, 1_000);
    },
  );

  test.each([4201, 4299])("%i comes back at once, with the same token", (code) => {
    const driver = live();
    expect(driver.close(code)).toContainEqual({ type: "fetch_token", refused: null });
  });

  test("4200 comes back at once, with another token", () => {
    const driver = live();
    expect(driver.close(4200)).toContainEqual({ type: "fetch_token", refused: "t1" });
  });

  test("4001 logs in anew, after a wait", () => {
    const driver = live();
    driver.close(4001);
    expect(driver.after(1_000)).toContainEqual({ type: "fetch_token", refused: "t1" });
  });

  test("at once is granted once to a server that closes again and again", () => {
    const driver = live();
    driver.close(4201);
    driver.comeLive();
    driver.close(4201);
    assertComingBackAfter(driver, 2_000);
  });

  test("a human can start again after the end", () => {
    const driver = live();
    driver.close(4003);
    expect(driver.feed({ type: "nudge" })).toEqual([]);
    expect(driver.feed({ type: "start" })).toContainEqual({ type: "fetch_token", refused: null });
  });
});

describe("coming back", () => {
  test("the bound of the wait doubles with each failure, up to half a minute", () => {
    const driver = live();
    const waits = [1, 2, 4, 8, 16, 30, 30].map((seconds) => seconds * 1_000);
    driver.close(1006);
    for (const wait of waits) {
      assertComingBackAfter(driver, wait);
      driver.feed({ type: "token", token: "t1" });
      driver.close(1006);
    }
  });

  test("a connection that held makes the next loss the first one", () => {
    const driver = live();
    driver.close(1006);
    driver.after(1_000);
    driver.comeLive();
    driver.now += 10_000;
    driver.close(1006);
    assertComingBackAfter(driver, 1_000);
  });

  test("reconnect names the wait, and no hurry shortens it", () => {
    const driver = live();
    expect(driver.receive({ op: "reconnect", after_ms: 1_234 })).toEqual([]);
    driver.close(4100);
    expect(driver.feed({ type: "nudge" })).toEqual([]);
    expect(driver.feed({ type: "start" })).toEqual([]);
    assertComingBackAfter(driver, 1_234);
  });

  test("a nudge cuts a wait of our own short", () => {
    const driver = live();
    driver.close(1006);
    expect(driver.feed({ type: "nudge" })).toContainEqual({ type: "fetch_token", refused: null });
  });

  test("what was followed is asked for again from where it was", () => {
    const driver = Driver.joinedAt(41);
    driver.close(4201);
    expect(sent(driver.comeLive())).toContainEqual({
      op: "subscribe",
      channels: [{ id: CHANNEL, after: 41, epoch: EPOCH }],
      ref: `sub:${CHANNEL}`,
    });
  });
});

describe("the heartbeat", () => {
  test("silence is answered by a ping, and more silence by a new connection", () => {
    const driver = live();
    expect(sent(driver.after(HEARTBEAT_MS))).toEqual([{ op: "ping" }]);
    expect(driver.after(10_000)).toContainEqual({ type: "close" });
    assertComingBackAfter(driver, 1_000);
  });

  test("any frame is a sign of life", () => {
    const driver = live();
    driver.after(HEARTBEAT_MS);
    driver.now += 9_000;
    driver.receive({ op: "other" });
    expect(driver.session.wakeAt).toBe(driver.now + HEARTBEAT_MS);
  });

  test("a nudge asks at once whether the line is alive", () => {
    const driver = live();
    expect(sent(driver.feed({ type: "nudge" }))).toEqual([{ op: "ping" }]);
    expect(driver.feed({ type: "nudge" })).toEqual([]);
  });
});

describe("the token", () => {
  test("is renewed on the open socket", () => {
    const driver = live();
    expect(driver.receive({ op: "token_expiring" })).toEqual([{ type: "fetch_token", refused: "t1" }]);
    const renewal = { op: "auth", token: "t2", ref: "renewal" };
    expect(driver.feed({ type: "token", token: "t2" })).toEqual([{ type: "send", frame: renewal }]);
    expect(driver.receive({ op: "other", ref: "renewal" })).toEqual([]);
  });

  test("that the socket does not take over is used on a new one, at once", () => {
    const driver = live();
    driver.receive({ op: "token_expiring" });
    driver.feed({ type: "token", token: "t2" });
    const effects = driver.receive({ op: "error", code: "forbidden", ref: "renewal" });
    expect(effects).toEqual([{ type: "close" }, { type: "status", status: { state: "connecting" } }, { type: "open" }]);
    expect(sent(driver.feed({ type: "opened" }))).toEqual([{ op: "auth", token: "t2" }]);
  });
});
