// What is shown of answers. Texts of the catalog come in as text nodes, so that none is markup.

const LEAST_SHARE = 0.05;
const RIGHT_TO_LEFT = new Set(
  "ar arc azb ckb dv fa glk he iw ji ks lrc mzn nqo pnb ps sd syr ug ur yi".split(" "),
);
const RIGHT_TO_LEFT_SCRIPTS = /^(adlm|arab|aran|hebr|mand|nkoo|rohg|samr|syrc|thaa)$/i;

/** An element with attributes, and children: elements or texts. null is left out. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") made.addEventListener("click", value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** How a language is written: rtl, ltr, or auto where its tag does not tell. */
export function direction(tag) {
  if (!tag || /^(und|mul|zxx)\b/i.test(tag)) return "auto";
  const [language, ...others] = tag.toLowerCase().split("-");
  const script = others.find((part) => part.length === 4 && /^[a-z]/.test(part));
  if (script) return RIGHT_TO_LEFT_SCRIPTS.test(script) ? "rtl" : "ltr";
  return RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
}

const names = new Intl.DisplayNames(["en"], { type: "language" });

/** The English name of a language. */
export function languageName(tag) {
  if (!tag) return "";
  try {
    return names.of(tag);
  } catch {
    return tag;
  }
}

/** A text of the catalog, in its language. */
export function catalogText(text, language) {
  return element("bdi", { lang: language || null, dir: direction(language) }, text);
}

/** A share or a part, for people. */
export function percent(share) {
  return `${Math.round(100 * share)}%`;
}

/** "1 item", "2 items". */
export function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** What is wrong, with a way to ask again. */
export function problemBox(problem, again) {
  return element(
    "div",
    { class: "problem", role: "alert" },
    element("b", {}, problem.title ?? "Not asked"),
    element("p", { dir: "auto" }, problem.message),
    again && element("button", { type: "button", class: "small", onclick: again }, "Try again"),
  );
}

/** An answer: a summary, what the service notes, and a list for each language.
 *
 * `marks` says by work how an item differs from the other side. `user` has `has(item)`,
 * `add(item)` and `languageOf(reason)`.
 */
export function answerShown(answer, marks, user) {
  const remarks = [
    ...answer.degraded,
    ...answer.notes,
    ...answer.unknown_items.map((id) => `${id} is not in this index`),
  ];
  const shown = document.createDocumentFragment();
  shown.append(element("p", { class: "summary" }, summary(answer)));
  if (answer.placement) shown.append(element("p", { class: "hint" }, madeBy(answer.placement)));
  if (remarks.length) {
    const lines = remarks.map((text) => element("li", { dir: "auto" }, text));
    shown.append(element("ul", { class: "notes", "aria-label": "Notes" }, ...lines));
  }
  if (!answer.items.length) {
    const hint = "Nothing was found. Other languages, or fewer filters, may help.";
    shown.append(element("p", { class: "hint" }, hint));
  }
  const lists = byLanguage(answer).map((list) => languageShown(list, marks, user));
  shown.append(element("div", { class: "lists" }, ...lists));
  return shown;
}

/** "Made by home-row, version 3, variant b": of a placement. */
function madeBy({ name, version, variant }) {
  return `Made by ${name}, version ${version}${variant ? `, variant ${variant}` : ""}`;
}

/** "10 items in 3 languages, of an index"; nothing of no answer. */
export function summary(answer) {
  if (!answer) return "";
  const languages = new Set(answer.items.map((item) => item.language)).size;
  const items = counted(answer.items.length, "item");
  return `${items} in ${counted(languages, "language")}, of ${answer.index}`;
}

/** Lists by language, in the order of their best items; each item with its place in the whole. */
function byLanguage(answer) {
  const lists = new Map();
  answer.items.forEach((item, at) => {
    const list = lists.get(item.language) ?? [];
    lists.set(item.language, [...list, { ...item, place: at + 1 }]);
  });
  const slots = new Map(answer.languages.map((one) => [one.language, one.slots]));
  return [...lists].map(([language, items]) => ({ language, items, slots: slots.get(language) }));
}

function languageShown({ language, items, slots }, marks, user) {
  const shared = typeof slots === "number";
  const given = counted(items.length, "item");
  const count = shared ? `${items.length} of ${counted(slots, "slot")}` : given;
  const told = element("span", { class: "count" }, `${language} · ${count}`);
  return element(
    "section",
    { class: "list" },
    element("h3", {}, `${languageName(language)} `, told),
    element("ol", {}, ...items.map((item) => itemShown(item, marks.get(item.work), user))),
  );
}

function itemShown(item, mark, user) {
  const title = item.title ?? item.id;
  const bar = element("span", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--part", Math.max(0, Math.min(1, item.score)));
  return element(
    "li",
    { value: item.place, class: mark ? `marked ${mark.kind}` : null },
    element(
      "div",
      { class: "head" },
      element("span", { class: "title" }, catalogText(title, item.title ? item.language : null)),
      addButton(item, user),
    ),
    mark ? element("p", { class: "mark" }, mark.text) : null,
    item.pinned ? element("p", { class: "hint" }, "Pinned") : null,
    element("p", { class: "score" }, bar, `Score ${item.score.toFixed(3)}`),
    sources(item),
    reasons(item, user),
    item.propensity < 1
      ? element("p", { class: "hint" }, `Drawn, with a probability of ${percent(item.propensity)}`)
      : null,
  );
}

/** A button that adds an item to the history, or a note that it is there. */
export function addButton(item, user) {
  const title = item.title ?? item.id;
  if (user.has(item)) return element("span", { class: "count" }, "in the history");
  return smallButton("Add", `Add ${title} to the history`, () => user.add(item));
}

/** A button in a row of a list; `label` also says of which row. */
export function smallButton(text, label, onclick) {
  return element("button", { type: "button", class: "small", "aria-label": label, onclick }, text);
}

function sources(item) {
  const said = Object.entries(item.retrievers).sort(([, a], [, b]) => b.share - a.share);
  const lines = said.map(([name, { rank, share }]) =>
    element("li", {}, element("b", {}, name), ` rank ${rank} · ${percent(share)}`),
  );
  return element("ul", { class: "sources", "aria-label": "Sources" }, ...lines);
}

function reasons(item, user) {
  const counts = item.trend ?? item.again;
  if (counts) return element("p", { class: "reasons" }, capitalized(counts.reason));
  const told = item.reasons.filter((reason) => reason.share >= LEAST_SHARE);
  if (!told.length) return null;
  const parts = told.flatMap((reason, at) => [
    at ? ", " : "",
    catalogText(reason.title ?? reason.item, reason.title ? user.languageOf(reason) : null),
    ` ${percent(reason.share)}`,
  ]);
  const before = told[0].relation === "bought-together" ? "Bought together with " : "Because of ";
  return element("p", { class: "reasons" }, before, ...parts);
}

function capitalized(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** How two answers differ: marks by work for each, and a sentence. */
export function differences(a, b) {
  const places = (answer) => new Map(answer.items.map((item, at) => [item.work, { ...item, at }]));
  const [inA, inB] = [places(a), places(b)];
  const marks = { a: new Map(), b: new Map() };
  let moved = 0;
  for (const work of inA.keys()) {
    if (!inB.has(work)) marks.a.set(work, { kind: "only", text: "only in A" });
  }
  for (const [work, item] of inB) {
    const before = inA.get(work);
    const mark = before ? change(before, item) : { kind: "only", text: "only in B" };
    if (before && mark) moved += 1;
    if (mark) marks.b.set(work, mark);
  }
  const onlyA = marks.a.size;
  const both = inA.size - onlyA;
  const only = `${onlyA} only in A, ${inB.size - both} only in B`;
  const text = `${both} in both, ${moved} of them moved; ${only}`;
  return { ...marks, text };
}

function change(before, item) {
  const up = before.at - item.at;
  const parts = [];
  if (up) parts.push(`${up > 0 ? "▲ up" : "▼ down"} ${counted(Math.abs(up), "place")}`);
  if (before.language !== item.language) parts.push(`${languageName(before.language)} in A`);
  return parts.length ? { kind: "moved", text: parts.join(", ") } : null;
}

/** Draw within a container, and leave the focus where it was: on the button of the same place. */
export function keepingFocus(container, draw) {
  const at = [...container.querySelectorAll("button")].indexOf(document.activeElement);
  draw();
  if (at < 0) return;
  const buttons = container.querySelectorAll("button");
  const next = buttons[Math.min(at, buttons.length - 1)] ?? container;
  if (next === container) container.tabIndex = -1;
  next.focus({ preventScroll: true });
}

/** Copy a text; also where a page from another machine without TLS may not use the clipboard. */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const focused = document.activeElement;
    const area = element("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    focused.focus();
  }
}
