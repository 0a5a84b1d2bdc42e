// The Content-Security-Policy of the studio's pages: scripts are loaded from this server's files only.
//
// A policy stays until the document is left. MLflow's page shows a run's HTML files in frames of the same document, and
// these files need their scripts. So the policy is set when the first page of the studio is opened, and the document is
// loaded again for MLflow's page of a run's artifacts.

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

// `isOurs` tells whether the address shows a page of the studio.
export function keepPolicy(hash, isOurs) {
  if (isOurs && !isSet) {
    const rule = document.createElement("meta");
    rule.httpEquiv = "Content-Security-Policy";
    rule.content = POLICY;
    document.head.append(rule);
    isSet = true;
  } else if (isSet && ARTIFACTS.test(hash)) location.reload();
}
