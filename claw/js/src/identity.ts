import { ChallengeRefusedError, IdentityError } from "./errors.js";
import { CHALLENGE_VERSION } from "./wire.js";

/**
 * The form of the key file, which the Python client shares: the private key in base64, and the names it goes by. Where an
 * exchange of the key (`claw rotate-key`) was cut off, `next_seed` may be the one that counts.
 */
export interface StoredIdentity {
  readonly seed: string;
  readonly username: string | null;
  readonly agent_id: string | null;
  readonly next_seed?: string;
}

interface Key {
  readonly seed: Uint8Array;
  readonly key: CryptoKey;
  readonly publicKey: string;
}

const SEED_BYTES = 32;
/** What PKCS #8 puts before the 32 bytes of an Ed25519 key (RFC 8410, section 7). */
const PKCS8_HEAD = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]);
const LINES = 6;

/** Who an agent is: an Ed25519 key and the names that it goes by. It signs with Web Crypto, in browsers and Node alike. */
export class Identity {
  readonly username: string;
  readonly #keep: (stored: StoredIdentity) => void;
  #agentId: string | null;
  #key: Key;
  #next: Key | null;

  private constructor(
    username: string,
    agentId: string | null,
    keys: { readonly key: Key; readonly next: Key | null },
    keep: (stored: StoredIdentity) => void,
  ) {
    this.username = username;
    this.#agentId = agentId;
    this.#key = keys.key;
    this.#next = keys.next;
    this.#keep = keep;
  }

  /**
   * A stored identity, or a new key under a name. `keep` is called with what is to be stored as soon as the platform has
   * given an agent id; a new key is for the caller to store first, by `stored`.
   */
  static async load(
    stored: Partial<StoredIdentity> & { readonly username: string },
    keep: (stored: StoredIdentity) => void = () => undefined,
  ): Promise<Identity> {
    const seed = stored.seed === undefined ? crypto.getRandomValues(new Uint8Array(SEED_BYTES)) : bytesOf(stored.seed);
    const next = stored.next_seed === undefined ? null : await keyOf(bytesOf(stored.next_seed));
    return new Identity(stored.username, stored.agent_id ?? null, { key: await keyOf(seed), next }, keep);
  }

  /** The raw public key in base64, as a registration takes it. */
  get publicKey(): string {
    return this.#key.publicKey;
  }

  /** Whether there are two keys, and the platform takes one of them. */
  get isChangingKey(): boolean {
    return this.#next !== null;
  }

  /** The id that the platform gave; null before the first registration. */
  get agentId(): string | null {
    return this.#agentId;
  }

  /** What is to be stored, the private key with it: for the owner's eyes alone. */
  get stored(): StoredIdentity {
    const stored = { seed: base64Of(this.#key.seed), username: this.username, agent_id: this.#agentId };
    return this.#next === null ? stored : { ...stored, next_seed: base64Of(this.#next.seed) };
  }

  /** The platform knows the next key: the former one is worth nothing any more. */
  adoptNextKey(): void {
    if (this.#next === null) return;
    this.#key = this.#next;
    this.#next = null;
    this.#keep(this.stored);
  }

  registered(agentId: string): void {
    if (agentId === this.#agentId) return;
    this.#agentId = agentId;
    this.#keep(this.stored);
  }

  /**
   * The signature over a challenge, in base64. It is proof towards whoever the challenge names, so one that names
   * another origin, agent or purpose is refused: a hostile platform could otherwise have us sign what logs it in
   * somewhere else. `withNext` signs by the next key, where there is one.
   */
  async sign(challenge: string, dialled: string, purpose: "register" | "login", withNext = false): Promise<string> {
    const [version, asked, origin, agentId, ...rest] = challenge.split("\n");
    if (version !== CHALLENGE_VERSION || rest.length !== LINES - 4) {
      throw new ChallengeRefusedError(`not a challenge of ${CHALLENGE_VERSION}`);
    }
    if (origin === undefined || !URL.canParse(origin) || new URL(origin).origin !== new URL(dialled).origin) {
      throw new ChallengeRefusedError(
        `the platform at ${dialled} calls itself ${String(origin)}: dial that address, or set its MOLTSTACK_PUBLIC_URL`,
      );
    }
    if (asked !== purpose) throw new ChallengeRefusedError(`the challenge is for ${String(asked)}, not for ${purpose}`);
    if (this.#agentId !== null && agentId !== this.#agentId) {
      throw new ChallengeRefusedError(`the challenge is for ${String(agentId)}, this is ${this.#agentId}`);
    }
    const { key } = (withNext ? this.#next : null) ?? this.#key;
    const signature = await crypto.subtle.sign("Ed25519", key, new TextEncoder().encode(challenge));
    return base64Of(new Uint8Array(signature));
  }
}

async function keyOf(seed: Uint8Array): Promise<Key> {
  if (seed.length !== SEED_BYTES) throw new IdentityError("the stored seed is no Ed25519 key");
  const pkcs8 = new Uint8Array([...PKCS8_HEAD, ...seed]);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  // Web Crypto has no other way from the private key to the public one.
  const { x = "" } = await crypto.subtle.exportKey("jwk", key);
  return { seed, key, publicKey: base64Of(bytesOf(x.replaceAll("-", "+").replaceAll("_", "/"))) };
}

function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    throw new IdentityError("the stored seed is not base64");
  }
}

function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
