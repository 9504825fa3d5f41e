// The user whose recommendations are shown: a sample, one whose events the service reads, or a
// history that is put together by searching.

import { ask } from "./service.js";
import { MOST_ITEMS } from "./state.js";
import {
  addButton, catalogText, counted, element, keepingFocus, languageName, problemBox, smallButton,
} from "./view.js";

const TYPED_MS = 300; // after which a search is made
const FOUND = 12;

const by = (id) => document.getElementById(id);

export class User {
  /** `page` has `state`, `samples`, `changed()` and `say()`. */
  constructor(page) {
    this.page = page;
    this.titles = new Map(); // by index and id: { title, language }, or null for an unknown item
    this.found = { text: "", items: [] };
    this.choice = by("samples").querySelector("select");
    this.id = by("known").querySelector("input");
    this.words = by("search").querySelector("input");
    this.listen();
  }

  listen() {
    this.choice.addEventListener("change", () => {
      this.become("", this.page.samples[this.choice.value]);
    });
    by("known").addEventListener("submit", (event) => {
      event.preventDefault();
      this.become(this.id.value.trim());
    });
    by("clear").addEventListener("click", () => {
      this.become("");
      this.words.focus();
    });
    by("search").addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.search(), TYPED_MS);
    });
    by("search").addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(this.typing);
      this.search();
    });
  }

  /** Offer the samples, and ids where the service reads events. */
  offer(events) {
    const names = Object.keys(this.page.samples);
    const options = names.map((name) => element("option", { value: name }, name));
    this.choice.replaceChildren(element("option", { value: "" }, "none of them"), ...options);
    by("samples").hidden = !names.length;
    by("known").hidden = !events;
  }

  become(user, history = []) {
    Object.assign(this.page.state, { user, history: history.slice(0, MOST_ITEMS) });
    this.page.changed();
  }

  /** Show the user of the state; `answer` is that of side A. */
  show(answer) {
    const { history, user } = this.page.state;
    const samples = Object.entries(this.page.samples);
    const sample = samples.find(([, items]) => JSON.stringify(items) === JSON.stringify(history));
    this.choice.value = user || !sample ? "" : sample[0];
    if (document.activeElement !== this.id) this.id.value = user;
    by("clear").hidden = !history.length && !user;
    this.showHistory(answer);
    this.showFound();
  }

  has({ id, work }) {
    return this.page.state.history.some((one) => one === id || one === work);
  }

  add(item) {
    const { state } = this.page;
    if (state.history.length >= MOST_ITEMS) {
      this.page.say(`A history has at most ${MOST_ITEMS} items here.`);
      return;
    }
    this.titles.set(this.key(item.id), item);
    state.history = [...state.history, item.id];
    this.page.changed();
  }

  remove(id) {
    const { state } = this.page;
    state.history = state.history.filter((one) => one !== id);
    this.page.changed();
  }

  key(id) {
    return `${this.page.state.a.index}\n${id}`;
  }

  /** The language of the title that a reason gives, where it is known. */
  languageOf({ item, title }) {
    const known = [...this.titles.values()].filter((one) => one?.work === item);
    return known.find((one) => one.title === title)?.language ?? null;
  }

  /** Ask for titles of the history that are not known; a ranking of its items tells them. */
  async learnTitles() {
    const { history, a } = this.page.state;
    const ids = history.filter((id) => !this.titles.has(this.key(id)));
    if (!ids.length) return;
    const keys = new Map(ids.map((id) => [id, this.key(id)]));
    for (const key of keys.values()) this.titles.set(key, {}); // not asked twice
    let items = [];
    try {
      items = await versions(a.index, ids);
    } catch {
      for (const key of keys.values()) this.titles.delete(key);
      return; // the lists tell what is wrong
    }
    for (const [id, key] of keys) {
      const item = items.find((one) => one.id === id) ?? items.find((one) => one.work === id);
      this.titles.set(key, item ?? null);
    }
    this.page.learned();
  }

  showHistory(answer) {
    const { history, user } = this.page.state;
    const shown = [];
    if (user) shown.push(...readOfUser(user, answer));
    if (history.length) {
      shown.push(listOf(history.map((id) => this.liked(id)), "History"));
    } else if (!user) {
      const hint = "Nothing yet: popular items are shown. Search items and add some.";
      shown.push(element("p", { class: "hint" }, hint));
    }
    keepingFocus(by("history"), () => by("history").replaceChildren(...shown));
  }

  liked(id) {
    const item = this.titles.get(this.key(id));
    const note = item === null ? "not in this index" : languageName(item?.language ?? "");
    const title = item?.title ?? id;
    const language = item?.title ? item.language : null;
    const button = smallButton("Remove", `Remove ${title}`, () => this.remove(id));
    return row(title, language, note, button);
  }

  async search() {
    const { index } = this.page.state.a;
    const text = this.words.value.trim();
    const { found } = this;
    if (text === found.text && index === found.index && !found.problem) return;
    const mine = { text, index, items: [], waits: text !== "", problem: null };
    this.found = mine;
    if (text) {
      try {
        mine.items = (await ask("/v1/search", { index, text, size: FOUND })).items;
      } catch (problem) {
        mine.problem = problem;
      }
      mine.waits = false;
    }
    if (mine !== this.found) return; // other words were typed in the meantime
    this.showFound();
    const told = `${counted(mine.items.length, "item")} found for ${text}`;
    if (text) this.page.say(mine.problem?.message ?? told);
  }

  showFound() {
    const { text, items, problem, waits } = this.found;
    if (waits) return;
    const shown = [];
    if (problem) shown.push(problemBox(problem, () => this.search()));
    else if (items.length) shown.push(listOf(items.map((item) => this.hit(item)), "Items found"));
    else if (text) shown.push(element("p", { class: "hint" }, "No item was found."));
    keepingFocus(by("found"), () => by("found").replaceChildren(...shown));
  }

  hit(item) {
    const title = item.title ?? item.id;
    const language = item.title ? item.language : null;
    return row(title, language, languageName(item.language), addButton(item, this));
  }
}

/** Documents of the history. The id of an item stands for all its language versions; of these it is
 * the one in the language that most of the history is found in.
 */
async function versions(index, ids) {
  const { items } = await ask("/v1/rank", { index, ids });
  const times = new Map();
  for (const { language } of items) times.set(language, (times.get(language) ?? 0) + 1);
  if (times.size < 2) return items;
  const languages = [...times.keys()].sort((one, other) => times.get(other) - times.get(one));
  return (await ask("/v1/rank", { index, ids, languages })).items;
}

function listOf(rows, label) {
  return element("ul", { class: "items", "aria-label": label }, ...rows);
}

function row(title, language, note, button) {
  return element(
    "li",
    {},
    element("span", { class: "title" }, catalogText(title, language)),
    note ? element("span", { class: "count" }, note) : null,
    button,
  );
}

/** What is known here of a history that the service reads: the items that are given as reasons. */
function readOfUser(user, answer) {
  const reasons = answer?.items.flatMap((item) => item.reasons) ?? [];
  const spoke = new Map(reasons.map((reason) => [reason.item, reason]));
  const name = element("bdi", {}, user);
  const intro = element("p", { class: "hint" }, "The service reads the events of ", name, ".");
  if (!spoke.size) return [intro];
  intro.append(" Of these items, some spoke for the list:");
  const rows = [...spoke.values()].map(({ item, title }) => row(title ?? item, null, null, null));
  return [intro, listOf(rows, "Items that spoke for the list")];
}
