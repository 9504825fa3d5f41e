// What the page shows, and how its address says so: a link shows the same again.
//
// A link may come from others, so what it says is taken within bounds. The token is no part of it.

export const MOST_ITEMS = 200;

const DECIDES = ["full", "text", "taste"];
const SHARES = ["score", "equal", "parts"];

/** The options of one side. null: as the service has it. */
export function freshSide() {
  return {
    index: "",
    placement: "", // by which the rest is decided
    decides: "full",
    size: 10,
    share: "score",
    parts: {}, // of the slots, by target language
    diversity: null,
    explore: null,
    dated: "", // a date field
    halfLife: 30, // days
    filters: "", // JSON as it was typed
  };
}

/** A page without a user. */
export function fresh() {
  return { user: "", history: [], compare: false, a: freshSide(), b: freshSide() };
}

/** The fragment of the address that stands for a state. */
export function written(state) {
  const said = new URLSearchParams();
  if (state.user) said.set("user", state.user);
  for (const id of state.history) said.append("item", id);
  writeSide(said, "a", state.a);
  if (state.compare) {
    said.set("compare", "1");
    writeSide(said, "b", state.b);
  }
  return said.toString();
}

function writeSide(said, letter, side) {
  const usual = freshSide();
  for (const name of Object.keys(usual)) {
    if (name !== "parts" && side[name] !== usual[name]) said.set(`${letter}.${name}`, side[name]);
  }
  const parts = Object.entries(side.parts).map(([language, part]) => `${language}:${part}`);
  if (parts.length) said.set(`${letter}.parts`, parts.join(","));
}

/** The state that a fragment stands for, with the usual in place of what cannot be. */
export function read(fragment) {
  const said = new URLSearchParams(fragment.replace(/^#/, ""));
  const ids = said.getAll("item").filter((id) => id && id.length <= 512);
  return {
    user: (said.get("user") ?? "").slice(0, 512),
    history: [...new Set(ids)].slice(0, MOST_ITEMS),
    compare: said.get("compare") === "1",
    a: readSide(said, "a"),
    b: readSide(said, "b"),
  };
}

function readSide(said, letter) {
  const usual = freshSide();
  const text = (name) => said.get(`${letter}.${name}`) ?? "";
  const number = (name, least, most) => {
    const value = Number(text(name));
    return text(name) && value >= least && value <= most ? value : usual[name];
  };
  const oneOf = (name, choices) => (choices.includes(text(name)) ? text(name) : usual[name]);
  return {
    index: text("index").slice(0, 512),
    placement: text("placement").slice(0, 64),
    decides: oneOf("decides", DECIDES),
    size: Math.round(number("size", 1, 100)),
    share: oneOf("share", SHARES),
    parts: partsOf(text("parts")),
    diversity: number("diversity", 0, 1),
    explore: number("explore", 0, 1),
    dated: text("dated").slice(0, 200),
    halfLife: Math.round(number("halfLife", 1, 365)),
    filters: text("filters").slice(0, 10_000),
  };
}

function partsOf(text) {
  const parts = {};
  for (const [, language, part] of text.matchAll(/([\w-]{1,35}):(10|[1-9])(?:,|$)/g)) {
    parts[language] = Number(part);
  }
  return parts;
}
