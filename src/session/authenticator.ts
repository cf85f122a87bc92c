/** Somebody else who knows names and passwords. */
export interface Authenticator {
  /** `username` is empty where only a password was sent. `then` is called once, never before `ask` returns. */
  ask(username: string, password: string, then: (verdict: Verdict) => void): void;
}

export type Verdict =
  | { readonly kind: 'accepted'; readonly expiresAtMs: number | null }
  /** `message` is for the client; empty: none was given. */
  | { readonly kind: 'refused'; readonly message: string }
  /** No answer; why stands in the log. */
  | { readonly kind: 'failed' };
