// Requests to the app, and the one download of each case.

// The routes of the app, wherever a proxy puts them: this script is one of them.
const address = (path) => new URL(`../${path}`, import.meta.url).href;

const STALE = 20_000; // milliseconds without an answer after which a request is sent anew
const STALE_CASE = 180_000;

// The server has decided: sending the same again would change nothing.
export class Refused extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

export async function request(path, options = {}, read = (answer) => answer.json(), limit = STALE) {
  const answer = await fetch(address(path), { cache: "no-store", ...options, signal: AbortSignal.timeout(limit) });
  if (answer.status >= 500 || answer.status === 408 || answer.status === 429) {
    throw new Error(`The server answers with status ${answer.status}.`);
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Refused(told.problem ?? `The server answers with status ${answer.status}.`, answer.status);
  }
  return read(answer);
}

// The next case is asked for while the reader looks at this one.
const downloads = new Map();

export function voxels(token, side) {
  const url = `voxels/${encodeURIComponent(token)}/${side}`;
  if (!downloads.has(url)) {
    const download = request(url, {}, (answer) => answer.arrayBuffer(), STALE_CASE);
    download.catch(() => downloads.delete(url));
    downloads.set(url, download);
  }
  return downloads.get(url);
}

export function forgetAllBut(tokens) {
  for (const url of downloads.keys()) {
    if (!tokens.some((token) => url.includes(`/${encodeURIComponent(token)}/`))) downloads.delete(url);
  }
}
