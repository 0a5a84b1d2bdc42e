// The Content-Security-Policy of the studio's pages: scripts come from this server's files alone.
//
// A policy holds until the document is left. MLflow's page shows HTML that runs have stored in frames of its own
// document, and those need their scripts; so the policy begins with the first page of the studio that is opened, and
// MLflow's page of a run's artifacts is loaded anew.

const ARTIFACTS = /^#\/experiments\/[^/?]+\/runs\/[^/?]+\/artifacts/;

const POLICY = [
  "default-src 'self'",
  // MLflow's charts compile their expressions, and its editor starts workers.
  "script-src 'self' 'unsafe-eval' blob:",
  "worker-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob: http: https:",
  "font-src 'self' data:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
].join("; ");

let isSet = false;

// `isOurs` says whether the address shows a page of the studio.
export function keepPolicy(hash, isOurs) {
  if (isOurs && !isSet) {
    const rule = document.createElement("meta");
    rule.httpEquiv = "Content-Security-Policy";
    rule.content = POLICY;
    document.head.append(rule);
    isSet = true;
  } else if (isSet && ARTIFACTS.test(hash)) location.reload();
}
