import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Backoff } from "../src/backoff.js";
import { Client, type ClientOptions, type Follower } from "../src/client.js";
import { RefusedError, TransportError } from "../src/errors.js";
import type { StreamFrame } from "../src/events.js";
import type { Socket } from "../src/runner.js";
import type { AnyCommand } from "../src/wire.js";
import { CHANNEL, HELLO, subscribed } from "./driver.js";

/** A socket whose other end is the test. */
class FakeSocket implements Socket {
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;
  readonly sent: AnyCommand[] = [];
  closed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as AnyCommand);
  }

  close(): void {
    this.closed = true;
  }

  open(): void {
    Reflect.apply(this.onopen ?? fail, this, [{}]);
  }

  say(frame: object): void {
    Reflect.apply(this.onmessage ?? fail, this, [{ data: JSON.stringify(frame) }]);
  }

  end(code: number): void {
    Reflect.apply(this.onclose ?? fail, this, [{ code, reason: "" }]);
  }
}

function fail(): never {
  throw new Error("nobody listens");
}

/** A client whose tokens, sockets and time are the test's. */
class Stage {
  readonly sockets: FakeSocket[] = [];
  readonly asked: (readonly [string | null, string | undefined])[] = [];
  /** What the next request for a token brings. */
  grant: () => Promise<string> = () => Promise.resolve(`t${this.asked.length}`);
  readonly client: Client;

  constructor(options: ClientOptions = {}) {
    const get = (refused: string | null, login?: string) => {
      this.asked.push([refused, login]);
      return this.grant();
    };
    const dial = () => {
      this.sockets.push(new FakeSocket());
      return { socket: this.socket, carriesToken: false };
    };
    this.client = new Client("ws://127.0.0.1/ws", { get }, { backoff: new Backoff({ draw: () => 1 }), dial, ...options });
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1) ?? fail();
  }

  async live(): Promise<void> {
    await pass(0);
    this.socket.open();
    this.socket.say(HELLO);
  }
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

let stage: Stage;

beforeEach(() => {
  vi.useFakeTimers();
  stage = new Stage();
});

afterEach(() => {
  vi.useRealTimers();
});

async function start(): Promise<void> {
  stage.client.start();
  await stage.live();
}

test("a start fetches a token, signs in by the first frame and is live with hello", async () => {
  expect(stage.client.status.get()).toEqual({ state: "connecting" });
  await start();
  expect(stage.socket.sent).toEqual([{ op: "auth", token: "t1" }]);
  expect(stage.client.status.get()).toEqual({ state: "live" });
  expect(stage.client.hello?.agent).toBe("ada");
});

test("a second start changes nothing", async () => {
  await start();
  stage.client.start();
  await pass(0);
  expect(stage.sockets).toHaveLength(1);
});

test("a lost connection is said, and comes back by itself", async () => {
  await start();
  stage.socket.end(1006);
  expect(stage.client.status.get()).toEqual({ state: "lost", final: false, code: 1006 });
  await pass(999);
  expect(stage.sockets).toHaveLength(1);
  await pass(1);
  expect(stage.sockets).toHaveLength(2);
  expect(stage.asked).toEqual([
    [null, "keep"],
    [null, "keep"],
  ]);
});

test("whoever is in a hurry ends a wait of our own", async () => {
  await start();
  stage.socket.end(1006);
  stage.client.nudge();
  await pass(0);
  expect(stage.sockets).toHaveLength(2);
});

test("no hurry shortens a wait that the server asked for", async () => {
  await start();
  stage.socket.say({ op: "reconnect", reason: "drain", after_ms: 1_234 });
  stage.socket.end(4100);
  stage.client.nudge();
  stage.client.start();
  await pass(1_233);
  expect(stage.sockets).toHaveLength(1);
  await pass(1);
  expect(stage.sockets).toHaveLength(2);
});

test("an expired token is replaced at once", async () => {
  await start();
  stage.socket.end(4200);
  await pass(0);
  expect(stage.asked.at(-1)).toEqual(["t1", "renew"]);
  expect(stage.sockets).toHaveLength(2);
});

test("a token that the open socket took over is the one that counts from then on", async () => {
  await start();
  stage.socket.say({ op: "token_expiring", in_s: 60 });
  await pass(0);
  expect(stage.socket.sent.at(-1)).toMatchObject({ op: "auth", token: "t2" });
  stage.socket.say({ op: "auth_ok", token_expires_at: "", ref: stage.socket.sent.at(-1)?.ref });
  stage.socket.end(4200);
  expect(stage.asked.at(-1)).toEqual(["t2", "renew"]);
});

test("without a token it is tried again, not before the time that was asked for", async () => {
  stage.grant = () => Promise.reject(new RefusedError("rate_limited", "", { retryAfterMs: 7_000 }));
  stage.client.start();
  await pass(6_999);
  expect(stage.asked).toHaveLength(1);
  await pass(1);
  expect(stage.asked).toHaveLength(2);
});

test("who may not log in stops, and every call learns why", async () => {
  stage.grant = () => Promise.reject(new RefusedError("suspended", "for good"));
  const sending = stage.client.send(CHANNEL, "hello");
  const refused = expect(sending).rejects.toThrow("suspended");
  stage.client.start();
  await pass(0);
  await refused;
  expect(stage.client.status.get()).toEqual({ state: "lost", final: true, code: null });
});

test("the server's last word is kept, and a human can begin anew", async () => {
  await start();
  stage.socket.end(4003);
  expect(stage.client.status.get()).toEqual({ state: "lost", final: true, code: 4003 });
  await pass(600_000);
  expect(stage.sockets).toHaveLength(1);
  stage.client.start();
  await stage.live();
  expect(stage.client.status.get()).toEqual({ state: "live" });
});

test("a stopped client hears nothing more of what was under way", async () => {
  await start();
  const { socket } = stage;
  stage.client.stop();
  expect(socket.closed).toBe(true);
  expect(socket.onclose).toBeNull();
  await pass(600_000);
  expect(stage.sockets).toHaveLength(1);
});

test("stopped while a token is fetched, it opens nothing", async () => {
  stage.client.start();
  stage.client.stop();
  await pass(600_000);
  expect(stage.sockets).toHaveLength(0);
});

test("a dead line is given up without waiting for its end", async () => {
  await start();
  await pass(30_000);
  expect(stage.socket.sent.at(-1)).toEqual({ op: "ping" });
  const { socket } = stage;
  await pass(10_000);
  expect(socket.closed).toBe(true);
  expect(stage.client.status.get()).toMatchObject({ state: "lost", final: false });
});

test("a send resolves with its ack, and one that nobody keeps fails with its connection", async () => {
  await start();
  const sending = stage.client.send(CHANNEL, "hello");
  const { nonce, ref } = stage.socket.sent.at(-1) as Extract<AnyCommand, { op: "message" }>;
  stage.socket.say({ op: "message_ack", id: "msg_1", channel: CHANNEL, seq: 1, timestamp: "", nonce, ref });
  expect((await sending).seq).toBe(1);
  const showing = expect(stage.client.presence("dnd")).rejects.toThrow(TransportError);
  stage.socket.end(1006);
  await showing;
});

test("events reach the follower, and its own faults hold up nobody", async () => {
  const uncaught = vi.spyOn(globalThis, "queueMicrotask").mockImplementation(() => undefined);
  const heard: StreamFrame[] = [];
  const follower: Follower = {
    event: (frame) => {
      heard.push(frame);
      throw new Error("the application's own");
    },
    reset: () => undefined,
    ended: () => undefined,
  };
  const unfollow = stage.client.follow(CHANNEL, { seq: 0, epoch: "e1" }, follower);
  await start();
  stage.socket.say(subscribed(0));
  for (const seq of [1, 2]) stage.socket.say({ op: "message_deleted", channel: CHANNEL, seq, id: "m", by: "ada" });
  expect(heard).toHaveLength(2);
  expect(uncaught).toHaveBeenCalledTimes(2);
  expect(stage.client.position(CHANNEL)).toEqual({ seq: 2, epoch: "e1" });
  unfollow();
  expect(stage.socket.sent.at(-1)).toEqual({ op: "unsubscribe", channels: [CHANNEL] });
});

test("a restart goes on behind the last frame that was done", async () => {
  const places = new Map<string, { readonly seq: number; readonly epoch: string | null }>();
  const positions = {
    get: (stream: string) => places.get(stream) ?? null,
    note: (stream: string, position: { readonly seq: number; readonly epoch: string | null }) => {
      places.set(stream, position);
      return Promise.resolve();
    },
  };
  const heard: StreamFrame[] = [];
  const follower: Follower = { event: (frame) => heard.push(frame), reset: fail, ended: fail };
  stage = new Stage({ positions, inbox: { from: { seq: 3, epoch: "e1" }, follower } });
  stage.client.follow(CHANNEL, null, follower);
  await start();
  stage.socket.say(subscribed(4));
  stage.socket.say({ ...subscribed(3), channel: undefined, inbox: true });
  for (const seq of [5, 6]) stage.socket.say({ op: "message_deleted", channel: CHANNEL, seq, id: "m", by: "ada" });
  stage.socket.say({ op: "notice", seq: 8, kind: "joined" });
  const [first, , notice] = heard;
  if (first === undefined || notice === undefined) fail();
  await stage.client.done(first);
  void stage.client.done(notice).catch(() => undefined);
  await pass(0);
  expect(stage.socket.sent.at(-1)).toMatchObject({ op: "ack", seq: 8 });

  stage = new Stage({ positions, inbox: { follower } });
  stage.client.follow(CHANNEL, null, follower);
  await start();
  expect(stage.socket.sent.at(-1)).toMatchObject({
    channels: [{ id: CHANNEL, after: 5, epoch: "e1" }],
    inbox: { after: 8, epoch: "e1" },
  });
  // The ack of the former run was lost.
  stage.socket.say({ ...subscribed(8), channel: undefined, inbox: true });
  await pass(0);
  expect(stage.socket.sent.at(-1)).toMatchObject({ op: "ack", seq: 8 });
});

test("of two followers of a stream the last one counts", async () => {
  const silent: Follower = { event: fail, reset: fail, ended: fail };
  const ended: string[] = [];
  const leaveFirst = stage.client.follow(CHANNEL, null, silent);
  stage.client.follow(CHANNEL, null, { ...silent, ended: (reason) => ended.push(reason) });
  leaveFirst();
  await start();
  stage.socket.say(subscribed(0));
  stage.socket.say({ op: "unsubscribed", channel: CHANNEL, reason: "left" });
  expect(ended).toEqual(["left"]);
});

test("a chain of replies ends, and nobody answers himself", async () => {
  await start();
  const message = {
    op: "message",
    channel: CHANNEL,
    seq: 1,
    id: "msg_1",
    agent: { id: "agt_2", username: "bob", display_name: null, avatar_url: null },
    content: "hello",
    created_at: "",
    timestamp: "",
    reply_to: "msg_0",
    metadata: { reply_depth: 10 },
  } as const;
  expect(await stage.client.reply(message, "again")).toBeNull();
  expect(await stage.client.reply({ ...message, metadata: null, agent: { ...message.agent, username: "ada" } }, "")).toBeNull();
  void stage.client.reply({ ...message, metadata: { reply_depth: 9 } }, "again").catch(() => undefined);
  expect(stage.socket.sent.at(-1)).toMatchObject({ op: "message", reply_to: "msg_1", metadata: { reply_depth: 10 } });
});
