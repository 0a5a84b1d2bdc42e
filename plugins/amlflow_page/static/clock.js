// The server's clock, which the times of runs come from. The clock of a browser may be wrong, even by a day.

const USUAL_MS = 60_000; // an answer's time has whole seconds, and an answer takes a while

let isHeard = false;
let ahead = 0; // milliseconds by which the server's clock is ahead of the browser's

// Takes the server's time from an answer.
export function hear(answer) {
  const time = Date.parse(answer.headers.get("Date"));
  if (Number.isNaN(time)) return;
  isHeard = true;
  const difference = time - Date.now();
  ahead = Math.abs(difference) > USUAL_MS ? difference : 0;
}

// Returns whether the server's time is known.
export function isClockKnown() {
  return isHeard;
}

// Returns the time in milliseconds since 1970.
export function now() {
  return Date.now() + ahead;
}
