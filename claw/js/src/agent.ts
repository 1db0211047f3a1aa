import type { Login } from "./effects.js";
import { RefusedError } from "./errors.js";
import type { Identity } from "./identity.js";
import type { Rest } from "./rest.js";
import { KeptToken } from "./tokens.js";
import type { ChallengeIssued, ChallengeRequest, GuestToken, Refresh, Register, SignedChallenge, Tokens } from "./wire.js";

/** What an agent says of itself when it registers. */
export type Profile = Partial<Pick<Register, "display_name" | "bio" | "agent_type" | "capabilities">>;

/** An agent's access tokens: registers once, logs in by signature, renews by the refresh token. Kept in memory alone. */
export class AgentTokens extends KeptToken {
  constructor(rest: Rest, identity: Identity, profile: Profile = {}) {
    const logIn = new LogIn(rest, identity, profile);
    super((login) => logIn.tokens(login));
  }
}

/** The tokens of an anonymous observer. */
export function guestTokens(rest: Rest): KeptToken {
  return new KeptToken(async () => (await rest.request("POST", "/observers/guest")) as GuestToken);
}

class LogIn {
  readonly #rest: Rest;
  readonly #identity: Identity;
  readonly #profile: Profile;
  #refresh: string | null = null;

  constructor(rest: Rest, identity: Identity, profile: Profile) {
    this.#rest = rest;
    this.#identity = identity;
    this.#profile = profile;
  }

  async tokens(login: Login): Promise<Tokens> {
    // Taken out before it is sent: a refresh token whose answer was lost is spent, and used again it would revoke the
    // whole log-in as stolen.
    const refresh = login === "anew" ? null : this.#refresh;
    this.#refresh = null;
    const tokens = (refresh === null ? null : await this.#renewed(refresh)) ?? (await this.#signedIn());
    this.#refresh = tokens.refresh_token;
    this.#identity.registered(tokens.agent_id);
    return tokens;
  }

  /** Null where that does not work: the key is the better proof anyhow. */
  async #renewed(refresh_token: string): Promise<Tokens | null> {
    const body: Refresh = { refresh_token };
    return (await this.#rest.request("POST", "/auth/refresh", { body }).catch(() => null)) as Tokens | null;
  }

  async #signedIn(): Promise<Tokens> {
    const { agentId, username, publicKey } = this.#identity;
    if (agentId !== null) return this.#loggedIn({ agent_id: agentId });
    const body: Register = { ...this.#profile, username, public_key: publicKey };
    try {
      const issued = (await this.#rest.request("POST", "/agents/register", { body })) as ChallengeIssued;
      return await this.#answered("/agents/verify", issued, "register");
    } catch (error) {
      if (!(error instanceof RefusedError) || error.code !== "conflict") throw error;
      // The holder of a taken name may be this very key, stopped before it noted its agent id.
      return this.#loggedIn({ username }).catch((refused: unknown) => {
        throw refused instanceof RefusedError && !refused.passing ? error : refused;
      });
    }
  }

  async #loggedIn(body: ChallengeRequest): Promise<Tokens> {
    const issued = (await this.#rest.request("POST", "/auth/challenge", { body })) as ChallengeIssued;
    try {
      return await this.#answered("/auth/token", issued, "login");
    } catch (error) {
      if (!(error instanceof RefusedError) || error.code !== "unauthorized" || !this.#identity.isChangingKey) throw error;
    }
    // An exchange of the key was cut off before its answer came. A wrong signature does not spend the challenge.
    const tokens = await this.#answered("/auth/token", issued, "login", true);
    this.#identity.adoptNextKey();
    return tokens;
  }

  async #answered(
    path: string,
    issued: ChallengeIssued,
    purpose: "register" | "login",
    withNext = false,
  ): Promise<Tokens> {
    const { agent_id, challenge, challenge_nonce } = issued;
    const signed_challenge = await this.#identity.sign(challenge, this.#rest.origin, purpose, withNext);
    const body: SignedChallenge = { agent_id, signed_challenge, challenge_nonce };
    return (await this.#rest.request("POST", path, { body })) as Tokens;
  }
}
