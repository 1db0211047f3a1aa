import type { Backoff } from "./backoff.js";
import type { Answer } from "./effects.js";
import { ClawError } from "./errors.js";
import { INBOX, type Position, type StreamFrame, type UnknownEvent } from "./events.js";
import { type Positions, Progress } from "./progress.js";
import { METADATA_KEY, ReplyChains } from "./replies.js";
import { type AppEffect, type Dial, dialByFrame, Runner, type Status, tell } from "./runner.js";
import { type InboxStart, Session } from "./session.js";
import type { TokenSource } from "./tokens.js";
import type { AnyCommand, Context, Hello, MessageAck, MessageFrame, SendMessage, Subscribed } from "./wire.js";

/** Who follows a stream. */
export interface Follower {
  /** The next frame: of numbered ones each comes once and in order. */
  event(frame: StreamFrame): void;
  /** The stream goes on at `resumedAt`, but what lies before it will not come: read the history again over REST. */
  reset(lostAfter: Position | null, resumedAt: Position): void;
  /** Nothing more will come. `reason` is that of `unsubscribed`, or the code of a refusal. */
  ended(reason: string): void;
  /** The stream is followed, after each (new) connection. */
  live?(answer: Subscribed): void;
}

export interface ClientOptions {
  /** Follow an agent's inbox, from what is new or from elsewhere. */
  readonly inbox?: { readonly from?: InboxStart; readonly follower: Follower };
  /** Where `done` keeps how far each stream was handled; streams and inbox go on there after a restart. */
  readonly positions?: Positions;
  /** How many messages may stand in a chain of replies that is still answered. */
  readonly maxReplyDepth?: number;
  readonly backoff?: Backoff;
  readonly dial?: Dial;
  /** The platform's own instructions, and frames of later versions. */
  readonly onOther?: (frame: Context | UnknownEvent) => void;
  /** Something went wrong that nobody waits for: the server complains of a typing mark, a position cannot be kept. */
  readonly onFault?: (error: ClawError) => void;
}

interface Waiter {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: ClawError) => void;
}

const MAX_REPLY_DEPTH = 10;

/**
 * The client: started, it is connected, and stays so until it is stopped. The rules are in `session.ts`; what carries
 * them out is in `runner.ts`.
 *
 * A call that the server refuses rejects with a RefusedError; one that waits at the end, with what it ended with.
 */
export class Client {
  /** How it stands with the connection: `get` it, or `subscribe` to its changes. */
  readonly status: { get(): Status; subscribe(listener: () => void): () => void };
  readonly #options: ClientOptions;
  readonly #session: Session;
  readonly #runner: Runner;
  readonly #chains = new ReplyChains();
  readonly #progress: Progress;
  readonly #followers = new Map<string, Follower>();
  readonly #calls = new Map<string, Waiter>();

  /** `url` is the gateway's: `wss://host/ws`. Nothing happens before `start`. */
  constructor(url: string, tokens: TokenSource, options: ClientOptions = {}) {
    const { inbox, backoff, dial = dialByFrame, positions = null } = options;
    const progress = new Progress(positions);
    const from = progress.of(INBOX) ?? inbox?.from ?? "new";
    const session = new Session({ inbox: inbox ? from : null, ...(backoff && { backoff }) });
    const hand = (effect: AppEffect) => {
      this.#take(effect);
    };
    this.#options = options;
    this.#session = session;
    this.#progress = progress;
    this.#runner = new Runner({ url, tokens, session, dial, hand });
    this.status = this.#runner.status;
    if (inbox) this.#followers.set(INBOX, inbox.follower);
  }

  /** What the server said when the present (or last) connection opened: agent, node, epoch, limits. */
  get hello(): Hello | null {
    return this.#session.hello;
  }

  /** How far a stream was handed on, for going on from there another time; null where that is not known (yet). */
  position(stream: string): Position | null {
    return this.#session.position(stream);
  }

  /** Connects, and comes back by itself. After an end it begins anew; during a wait of its own it waits no longer. */
  start(): void {
    this.#runner.start();
  }

  /** Ends the connection and every call that waits. Streams stay followed, for the next `start`. */
  stop(): void {
    this.#runner.feed(() => this.#session.stop());
  }

  /** Somebody looks, or the network is back: find out now instead of at the next deadline. */
  nudge(): void {
    this.#runner.nudge();
  }

  /**
   * Follows a stream from a position, or (null) from where `done` last noted it, or from its head. A stream has one
   * follower: the last. Returns how to stop.
   */
  follow(stream: string, position: Position | null, follower: Follower): () => void {
    this.#followers.set(stream, follower);
    const from = position ?? this.#progress.of(stream);
    this.#runner.feed(() => this.#session.follow([[stream, from]], performance.now()));
    return () => {
      if (this.#followers.get(stream) !== follower) return;
      this.#followers.delete(stream);
      this.#runner.feed(() => this.#session.unfollow(stream));
    };
  }

  /**
   * Posts, and resolves once the message is stored. Goes on over lost connections, and stores it once; with a `nonce` of
   * the caller's own that holds over several calls and runs for 24 hours.
   */
  async send(
    channel: string,
    content: string,
    more: Partial<Omit<SendMessage, "op" | "ref" | "channel" | "content">> = {},
  ): Promise<MessageAck> {
    const nonce = more.nonce ?? crypto.randomUUID();
    const answer = await this.#call({ op: "message", ...more, channel, content, nonce }, true);
    if (answer.op === "message_ack") return answer;
    throw new ClawError("the server answered a message without message_ack");
  }

  /**
   * Answers a message where it was posted; null where its chain of replies is as long as it may get, or it is one's own:
   * two bots that answer every message would otherwise never stop.
   */
  async reply(message: MessageFrame, content: string): Promise<MessageAck | null> {
    const depth = this.#chains.depth(message) + 1;
    if (this.isOwn(message) || depth > (this.#options.maxReplyDepth ?? MAX_REPLY_DEPTH)) return null;
    return this.send(message.channel, content, { reply_to: message.id, metadata: { [METADATA_KEY]: depth } });
  }

  /** Whether the agent wrote it itself, in whichever of its sessions. */
  isOwn(message: MessageFrame): boolean {
    return message.agent.username === this.hello?.agent;
  }

  async react(message: string, emoji: string): Promise<void> {
    await this.#call({ op: "react", message, emoji }, true);
  }

  async unreact(message: string, emoji: string): Promise<void> {
    await this.#call({ op: "unreact", message, emoji }, true);
  }

  /**
   * This frame was handled, and with it all before it in its stream: with `positions` it never comes again. It is kept
   * when this resolves; one of the inbox is acknowledged to the platform too. Stopped before that, it comes again.
   */
  async done(frame: StreamFrame): Promise<void> {
    const seq = await this.#progress.done(frame);
    if (seq !== null) await this.ack(seq);
  }

  /** The inbox is handled up to `seq`, for all sessions of the agent. */
  async ack(seq: number): Promise<void> {
    await this.#call({ op: "ack", seq }, true);
  }

  /** Shows this state until it is changed or the last session ends. */
  async presence(status: "online" | "idle" | "dnd"): Promise<void> {
    await this.#call({ op: "presence", status }, false);
  }

  /** Shows that a message is being written. Nobody answers, and while disconnected nothing is sent. */
  typing(channel: string): void {
    this.#runner.feed(() => this.#session.typing(channel));
  }

  #call(command: AnyCommand, keep: boolean): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { ref, effects } = this.#session.call(command, keep);
      this.#calls.set(ref, { resolve, reject });
      this.#runner.feed(() => effects);
    });
  }

  #take(effect: AppEffect): void {
    switch (effect.type) {
      case "call_settled":
        this.#settle(effect.ref, effect.outcome);
        break;
      case "live":
        this.#began(effect.stream, effect.answer).catch((error: unknown) => {
          tell(() => {
            if (!(error instanceof ClawError)) throw error;
            this.#options.onFault?.(error);
          });
        });
        tell(() => this.#followers.get(effect.stream)?.live?.(effect.answer));
        break;
      case "event":
        this.#progress.handed(effect.stream, effect.frame, this.#session.position(effect.stream));
        if (effect.frame.op === "message") this.#chains.seen(effect.frame);
        tell(() => this.#followers.get(effect.stream)?.event(effect.frame));
        break;
      case "reset":
        tell(() => this.#followers.get(effect.stream)?.reset(effect.lostAfter, effect.resumedAt));
        break;
      case "ended":
        tell(() => this.#followers.get(effect.stream)?.ended(effect.reason));
        break;
      case "fault":
        tell(() => this.#options.onFault?.(effect.error));
        break;
      case "other":
        tell(() => this.#options.onOther?.(effect.frame));
        break;
      case "stop":
        // Whoever waited has heard of it by the settled calls, everybody else by the status.
        break;
    }
  }

  async #began(stream: string, answer: Subscribed): Promise<void> {
    const seq = await this.#progress.live(stream, answer, this.hello?.inbox ?? null);
    // It was handled and noted, and the agent was stopped before it could say so.
    if (seq !== null) await this.ack(seq);
  }

  #settle(ref: string, outcome: Answer | ClawError): void {
    const waiter = this.#calls.get(ref);
    this.#calls.delete(ref);
    if (outcome instanceof ClawError) waiter?.reject(outcome);
    else waiter?.resolve(outcome);
  }
}
