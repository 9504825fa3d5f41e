// Asking the service, and the calls as others would write them.

const TOKEN = "xlrec-es-token";

const WEIGHTS = {
  full: null, // as the service has it
  text: { dense: 0.75, lexical: 0.25 },
  taste: { collaborative: 1 },
};

/** What the service says is wrong: `message` is the sentence as it came. */
export class Problem extends Error {
  constructor(status, { title, detail, items } = {}) {
    super(detail || `the service answered ${status}`);
    this.status = status;
    this.title = title || `Error ${status}`;
    this.items = items ?? [];
  }
}

let askForToken = async () => null;
let tokensGiven = 0;

/** Say who asks people for a token: it is given the service's sentence
 * and whether a token was refused, and gives null for none. */
export function tokensComeFrom(asking) {
  askForToken = asking;
}

/** Whether the service wanted a token. */
export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

/** The answer to GET, or to POST where there is a body. Throws Problem. */
export async function ask(path, body, signal) {
  for (;;) {
    const before = tokensGiven;
    const token = sessionStorage.getItem(TOKEN);
    const response = await sent(path, body, token, signal);
    const told = await response.json().catch(() => ({}));
    if (response.ok) return told;
    const problem = new Problem(response.status, told);
    if (response.status !== 401) throw problem;
    // Another question may have been given one in the meantime, even the same one once more.
    if (tokensGiven > before) continue;
    const given = await askForToken(problem.message, token !== null);
    if (given === null) throw problem;
    sessionStorage.setItem(TOKEN, given);
    tokensGiven += 1;
  }
}

async function sent(path, body, token, signal) {
  const headers = { Accept: "application/json" };
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, {
      method: body ? "POST" : "GET",
      headers,
      body: body && JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const detail = "The service cannot be reached. Is it running?";
    throw new Problem(0, { title: "No answer", detail });
  }
}

/** The body of `/v1/recommend` for one side. Throws Error where the filters are no JSON. */
export function bodyOf({ user, history }, side) {
  const body = { index: side.index };
  if (user) body.user = user;
  if (history.length) body.history = history;
  if (side.placement) return { ...body, placement: side.placement };
  const chosen = Object.keys(side.parts);
  if (chosen.length) body.languages = side.share === "parts" ? side.parts : chosen;
  body.size = side.size;
  const options = optionsOf(side);
  if (Object.keys(options).length) body.options = options;
  return body;
}

function optionsOf(side) {
  const options = {};
  if (WEIGHTS[side.decides]) options.weights = WEIGHTS[side.decides];
  if (side.share === "equal") options.mix = "equal";
  if (side.diversity !== null) options.diversity = side.diversity;
  if (side.explore !== null) options.explore = side.explore;
  if (side.dated) options.recent = { field: side.dated, half_life: `${side.halfLife}d` };
  if (side.filters.trim()) options.filters = filtersOf(side.filters);
  return options;
}

/** Filters as a list. Throws Error. */
export function filtersOf(text) {
  let filters;
  try {
    filters = JSON.parse(text);
  } catch (error) {
    throw new Error(`The filters are not JSON: ${error.message}`);
  }
  return Array.isArray(filters) ? filters : [filters];
}

/** A call as a line for a shell. A token stands in it as the name of a variable. */
export function curl(path, body) {
  const quoted = `'${JSON.stringify(body).replaceAll("'", "'\\''")}'`;
  const token = hasToken() ? ' -H "Authorization: Bearer $XLREC_API_TOKEN"' : "";
  const type = "-H 'Content-Type: application/json'";
  return `curl -sS ${location.origin}${path} ${type}${token} -d ${quoted}`;
}
