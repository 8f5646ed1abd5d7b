interface Policy {
  /** Gives a `TrustedScriptURL`, which the sinks below take where Trusted Types are enforced; typed as the string that it stands for. */
  createScriptURL(url: string): string;
}
/** As much of the Trusted Types API as is needed here. */
interface TrustedTypes {
  createPolicy(name: string, rules: Policy): Policy;
}

const sameOrigin: Policy = {
  createScriptURL(url) {
    if (new URL(url, location.href).origin !== location.origin)
      throw new TypeError(`${url} is not a script of this app.`);
    return url;
  },
};

/** The only policy of this app that lets a string become the address of a script; its name is in headers.ts. */
const policy =
  (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy('phi-script-url', sameOrigin) ??
  sameOrigin;

/** An address for `new Worker` or `serviceWorker.register`. Throws a TypeError for another origin. Trusted Types are enforced on the page only. */
export function scriptUrl(url: string): string {
  return policy.createScriptURL(url);
}
