// All tests in one process: `node --test all.js`. A process for each file takes six times as long.

import { readdir } from "node:fs/promises";

for (const name of await readdir(new URL(".", import.meta.url))) {
  if (name.endsWith(".test.js")) await import(`./${name}`);
}
